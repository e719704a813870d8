using System.Buffers.Binary;
using Kine.Backends;

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

    /// <summary>The row of side state that keeps a lease.</summary>
    public static SideRow Row(long id, long ttl) => new(SideKind.Lease, RowKey(id), RowKey(ttl));

    /// <summary>An id or TTL as 8 big-endian bytes.</summary>
    public static byte[] RowKey(long number)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteInt64BigEndian(bytes, number);
        return bytes;
    }

    private sealed class KeyOrder : IComparer<ReadOnlyMemory<byte>>
    {
        public static readonly KeyOrder Instance = new();

        public int Compare(ReadOnlyMemory<byte> x, ReadOnlyMemory<byte> y) => x.Span.SequenceCompareTo(y.Span);
    }
}
