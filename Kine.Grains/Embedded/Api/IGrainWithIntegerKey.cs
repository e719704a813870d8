namespace Orleans;

/// <summary>Marks the interface of a grain that is addressed by a 64-bit integer.</summary>
public interface IGrainWithIntegerKey : IGrain;
