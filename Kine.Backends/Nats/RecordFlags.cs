namespace Kine.Backends.Nats;

/// <summary>First byte of a stored record. The bits are stored: never change their meaning.</summary>
internal static class RecordFlags
{
    public const int Tombstone = 1;
    public const int KeyInPayload = 2;

    /// <summary>The first record of the revision after the last record's.</summary>
    public const int NextRevision = 4;

    /// <summary>The same revision as the last record, the next place in it.</summary>
    public const int NextSub = 8;

    /// <summary>Create revision = revision, version 1.</summary>
    public const int Created = 16;

    /// <summary>Create revision and version 0.</summary>
    public const int Ended = 32;
    public const int Leased = 64;
}
