namespace Orleans.Concurrency;

/// <summary>Calls of this method interleave with others, also in a grain that is not reentrant.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class AlwaysInterleaveAttribute : Attribute;
