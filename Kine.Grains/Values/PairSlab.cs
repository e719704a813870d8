using System.Buffers;
using System.Runtime.InteropServices;

namespace Kine.Grains.Values;

/// <summary>
/// A large array that many marshaled pairs lie in, one behind the other. Most pairs are kept by the event ring and the cache for longer than a few
/// collections: an array each would be copied by the collector twice, while one of this size is never moved. Each slice keeps all of it in memory, so
/// slices are for holders that let go in the order of writing; who may keep one for longer takes a copy (<see cref="Copy"/>).
/// </summary>
public sealed class PairSlab : MemoryManager<byte>
{
    /// <summary>Its size: beyond the 85,000 bytes up to which arrays are moved, and little beside the ring and the cache.</summary>
    public const int Size = 256 << 10; // bytes

    private readonly byte[] _bytes = GC.AllocateUninitializedArray<byte>(Size);
    private long _cached; // bytes of the slices that the cache has

    /// <summary>True when less than half of it is still in the cache.</summary>
    internal bool IsSparse => Volatile.Read(ref _cached) < Size / 2;

    /// <summary>The slab that memory is a slice of, or null.</summary>
    public static PairSlab? Of(ReadOnlyMemory<byte> memory) => MemoryMarshal.TryGetMemoryManager<byte, PairSlab>(memory, out var slab) ? slab : null;

    /// <summary>Bytes in an array of their own when the memory is a slice of a slab, else the memory itself.</summary>
    public static ReadOnlyMemory<byte> Copy(ReadOnlyMemory<byte> memory) => Of(memory) is null ? memory : memory.ToArray();

    /// <summary>The array; what is in a slice already must not be changed.</summary>
    public override Span<byte> GetSpan() => _bytes;

    /// <summary>Pins the array at an element.</summary>
    public override MemoryHandle Pin(int elementIndex = 0) => _bytes.AsMemory(elementIndex).Pin();

    /// <summary>Nothing: the handle that <see cref="Pin"/> gave unpins.</summary>
    public override void Unpin()
    {
    }

    internal Memory<byte> Slice(int start, int length) => CreateMemory(start, length);

    /// <summary>Counts a slice that the cache took, or let go of when negative; gives the bytes that it has since.</summary>
    internal long CountCached(int change) => Interlocked.Add(ref _cached, change);

    protected override bool TryGetArray(out ArraySegment<byte> segment)
    {
        segment = _bytes;
        return true;
    }

    protected override void Dispose(bool disposing)
    {
    }
}
