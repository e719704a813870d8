namespace Kine.Grains.Writing;

/// <summary>One lease and the keys attached to it.</summary>
internal sealed class LeaseEntry(LeaseRun run)
{
    private static readonly Comparer<ReadOnlyMemory<byte>> KeyOrder =
        Comparer<ReadOnlyMemory<byte>>.Create(static (x, y) => x.Span.SequenceCompareTo(y.Span));

    /// <summary>The newest run of its clock.</summary>
    public LeaseRun Run { get; set; } = run;

    /// <summary>What the store says was left of it, in seconds; 0 where it says nothing.</summary>
    public long Checkpoint { get; set; }

    public long Id => Run.Id;

    /// <summary>What it was granted for, in seconds.</summary>
    public long Ttl => Run.Ttl;

    /// <summary>Attached keys in key order, the order in which a revoke deletes them.</summary>
    public SortedSet<ReadOnlyMemory<byte>> Keys { get; } = new(KeyOrder);
}
