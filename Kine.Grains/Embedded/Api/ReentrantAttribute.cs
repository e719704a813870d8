namespace Orleans.Concurrency;

/// <summary>The grain's calls may interleave at their awaits.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class ReentrantAttribute : Attribute;
