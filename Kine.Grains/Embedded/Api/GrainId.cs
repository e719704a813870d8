namespace Orleans.Runtime;

/// <summary>Class and key of a grain.</summary>
public readonly record struct GrainId(string Type, string Key)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Type}/{Key}";
}
