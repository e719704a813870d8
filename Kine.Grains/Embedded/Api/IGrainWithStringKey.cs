namespace Orleans;

/// <summary>Marks the interface of a grain that is addressed by a string.</summary>
public interface IGrainWithStringKey : IGrain;
