namespace Kine.Tests.Chaos;

/// <summary>One revision of the log, as a watch from its beginning tells it.</summary>
internal sealed record LogEntry(long Revision, Write[] Changes)
{
    public override string ToString() => $"revision {Revision}: {string.Join(", ", (object[])Changes)}";
}
