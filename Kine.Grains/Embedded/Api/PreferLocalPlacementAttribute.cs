namespace Orleans.Placement;

/// <summary>Activate the grain in the process of its first caller. With one process that is always so.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class PreferLocalPlacementAttribute : Attribute;
