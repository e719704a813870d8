namespace Orleans.Concurrency;

/// <summary>The method changes nothing. One process gains nothing from knowing: it is scheduled like any other.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class ReadOnlyAttribute : Attribute;
