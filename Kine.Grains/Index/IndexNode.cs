namespace Kine.Grains.Index;

/// <summary>A node of the tree: a <see cref="Leaf"/> or an <see cref="InnerNode"/>. All leaves are equally deep.</summary>
internal abstract class IndexNode;
