namespace Kine.Grains.Writing;

/// <summary>One lease and the keys attached to it.</summary>
internal sealed class LeaseEntry(LeaseRun run)
{
    /// <summary>The newest run of its clock.</summary>
    public LeaseRun Run { get; set; } = run;

    public long Id => Run.Id;

    /// <summary>What it was granted for, in seconds.</summary>
    public long Ttl => Run.Ttl;

    /// <summary>Attached keys in key order, the order in which a revoke deletes them.</summary>
    public SortedSet<ReadOnlyMemory<byte>> Keys { get; } = new(KeyOrder.Instance);

    private sealed class KeyOrder : IComparer<ReadOnlyMemory<byte>>
    {
        public static readonly KeyOrder Instance = new();

        public int Compare(ReadOnlyMemory<byte> x, ReadOnlyMemory<byte> y) => x.Span.SequenceCompareTo(y.Span);
    }
}
