namespace Kine.Grains.Fencing;

/// <summary>What became of a batch, as far as it is known.</summary>
internal enum AppendOutcome
{
    /// <summary>It is in the log. A batch that holds no writes counts as durable when its answers have their proof.</summary>
    Durable,

    /// <summary>It certainly is not in the log and never will be.</summary>
    NotAppended,

    /// <summary>It holds no writes, and its answers need a proof that could not be had.</summary>
    Unproven,

    /// <summary>Its answer was lost.</summary>
    Unknown,

    /// <summary>Still not known after the time that a request waits.</summary>
    StillUnknown,

    /// <summary>Found in the log under a new epoch.</summary>
    FoundDurable,

    /// <summary>Not found in the log, and kept out of it by a new epoch.</summary>
    FoundMissing,

    /// <summary>This writer may not write any more.</summary>
    Lost,
}
