namespace Kine.Tests.Chaos;

/// <summary>What a step does to one key. A value is written by one step only; null deletes the key.</summary>
internal sealed record Write(string Key, string? Value, long Lease = 0)
{
    public override string ToString() => Value is null ? $"delete {Key}" : $"{Key}={Value}{(Lease == 0 ? "" : $" lease {Lease}")}";
}
