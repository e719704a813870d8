namespace Kine.Tests.Chaos;

/// <summary>A key with its value and the revision that wrote it, as an answer tells it.</summary>
internal sealed record Pair(string Key, string Value, long ModRevision)
{
    public override string ToString() => $"{Key}={Value}@{ModRevision}";
}
