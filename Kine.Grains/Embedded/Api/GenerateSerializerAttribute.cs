namespace Orleans;

/// <summary>The type goes over the wire between processes. In one process it is handed over as it is.</summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Struct | AttributeTargets.Enum)]
public sealed class GenerateSerializerAttribute : Attribute;
