using System.Runtime.CompilerServices;

namespace Kine.Grains.Index;

/// <summary>A fixed number of history rows. Readers call <see cref="Read"/> only; the rest is the writer's.</summary>
internal sealed class HistoryChunk(long firstRow, long firstSuperseded)
{
    public const int Shift = 10;
    public const int Size = 1 << Shift; // rows: 32 KiB, far from the large object heap, as are the tables when every row needs one
    public const int Bytes = Size * PackedRow.Bytes + 104;
    private const uint Dead = uint.MaxValue;

    // Rows and what they name in the tables are written once each, before the link that leads to the row is published. A table that grows
    // is another array, which begins as the old one: a reader that finds a row finds what it names, whichever of the arrays it sees.
    private readonly PackedRow[] _rows = new PackedRow[Size];
    private long[] _leases = [];
    private VersionRow[] _wide = [];

    private readonly long _first = firstSuperseded;
    private int _leaseCount;
    private int _wideCount;

    /// <summary>Rows in use.</summary>
    public int Count { get; private set; }

    /// <summary>Highest superseding revision in it, undone ones included: as long as a reader may be below that, the chunk stays.</summary>
    public long MaxSuperseded { get; private set; } = firstSuperseded;

    /// <summary>What the tables take beyond <see cref="Bytes"/>.</summary>
    public int TableBytes { get; private set; }

    /// <summary>False when the chunk is full or cannot express the revision.</summary>
    public bool CanTake(long superseded) => Count < Size && superseded >= _first && superseded - _first < Dead;

    public void Add(in VersionRow row, long superseded)
    {
        uint distance = (uint)(superseded - _first);
        long number = firstRow + Count;
        _rows[Count] = PackedRow.Fits(row, number)
            ? PackedRow.Pack(row, number, row.Lease == 0 ? 0 : LeaseAt(row.Lease), distance)
            : PackedRow.PackWide(Append(ref _wide, ref _wideCount, row), distance);
        MaxSuperseded = Math.Max(MaxSuperseded, superseded);
        Count++;
    }

    /// <summary>Any thread: a row that a published link, or the writer, knows.</summary>
    public VersionRow Read(int index)
    {
        ref readonly PackedRow packed = ref _rows[index];
        if (packed.IsWide)
            return Volatile.Read(ref _wide)[packed.WideAt];
        int leaseAt = packed.LeaseAt;
        return packed.Unpack(firstRow + index, leaseAt == 0 ? 0 : Volatile.Read(ref _leases)[leaseAt - 1]);
    }

    /// <summary>The row's version is newest again; readers that came by the old link may still use the row.</summary>
    public void Kill(int index) => _rows[index].Superseded = Dead;

    public bool IsDead(int index) => _rows[index].Superseded == Dead;

    public long Superseded(int index) => _first + _rows[index].Superseded;

    // From 1 on; a chunk has fewer rows than places.
    private int LeaseAt(long lease)
    {
        if (_leaseCount > 0 && _leases[_leaseCount - 1] == lease)
            return _leaseCount;
        int known = _leases.AsSpan(0, _leaseCount).IndexOf(lease);
        return (known >= 0 ? known : Append(ref _leases, ref _leaseCount, lease)) + 1;
    }

    private int Append<T>(ref T[] table, ref int count, in T entry)
    {
        if (count == table.Length)
        {
            var grown = new T[Math.Max(4, count * 2)];
            table.AsSpan().CopyTo(grown);
            TableBytes += (grown.Length - count) * Unsafe.SizeOf<T>();
            Volatile.Write(ref table, grown);
        }

        table[count] = entry;
        return count++;
    }
}
