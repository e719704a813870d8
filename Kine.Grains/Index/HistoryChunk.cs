using System.Collections;
using Kine.Backends;

namespace Kine.Grains.Index;

/// <summary>
/// A fixed number of history rows: as they came until the chunk is full, packed from then on. Readers call <see cref="Read"/> only; the
/// rest is the writer's.
/// </summary>
internal sealed class HistoryChunk(long firstRow)
{
    public const int Shift = 10;
    public const int Size = 1 << Shift; // rows: 72 KiB while they come, below the large object heap

    // A reader that finds no open rows finds the packed ones: those are published first.
    private SupersededRow[]? _open = new SupersededRow[Size];
    private PackedRows? _packed;
    private BitArray? _dead;

    /// <summary>Rows in use.</summary>
    public int Count { get; private set; }

    public bool IsFull => Count == Size;

    /// <summary>Highest superseding revision in it, undone ones included: as long as a reader may be below that, the chunk stays.</summary>
    public long MaxSuperseded { get; private set; }

    public void Add(in VersionRow row, in KeyVersion newer)
    {
        _open![Count] = new SupersededRow(row, newer);
        Count++;
        MaxSuperseded = Math.Max(MaxSuperseded, newer.Mod);
    }

    /// <summary>Packs the rows of a full chunk.</summary>
    public void Pack()
    {
        Volatile.Write(ref _packed, new PackedRows(firstRow, _open));
        Volatile.Write(ref _open, null);
    }

    /// <summary>Any thread: a row that a published link, or the writer, knows, and that <paramref name="newer"/> superseded.</summary>
    public VersionRow Read(int index, in VersionRow newer) =>
        Volatile.Read(ref _open) is { } open ? open[index].Row : Volatile.Read(ref _packed)!.Read(index, newer);

    /// <summary>The log's id of a row; a tombstone if <paramref name="isTombstone"/>.</summary>
    public RecordId Id(int index, out bool isTombstone)
    {
        isTombstone = _open?[index].Row.IsTombstone ?? _packed!.IsTombstone(index);
        return _open?[index].Row.Id ?? _packed!.Id(index);
    }

    /// <summary>The row's version is newest again; readers that came by the old link may still use the row.</summary>
    public void Kill(int index) => (_dead ??= new BitArray(Size))[index] = true;

    public bool IsDead(int index) => _dead is not null && _dead[index];

    public long Superseded(int index) => _open?[index].Superseded ?? _packed!.Superseded(index);
}
