namespace Kine.Grains.Index;

/// <summary>A fixed number of history rows. Readers touch <see cref="Rows"/> only; the rest is the writer's.</summary>
internal sealed class HistoryChunk(long firstSuperseded)
{
    public const int Shift = 10;
    public const int Size = 1 << Shift; // rows: 48 KiB, far from the large object heap
    public const int Bytes = Size * (48 + 4) + 96;
    private const uint Dead = uint.MaxValue;

    /// <summary>Written once each, before the link that leads to it is published.</summary>
    public readonly VersionRow[] Rows = new VersionRow[Size];

    private readonly long _first = firstSuperseded;
    private readonly uint[] _superseded = new uint[Size]; // distance from _first

    /// <summary>Rows in use.</summary>
    public int Count { get; private set; }

    /// <summary>Highest superseding revision in it, undone ones included: as long as a reader may be below that, the chunk stays.</summary>
    public long MaxSuperseded { get; private set; } = firstSuperseded;

    /// <summary>False when the chunk is full or cannot express the revision.</summary>
    public bool CanTake(long superseded) => Count < Size && superseded >= _first && superseded - _first < Dead;

    public void Add(in VersionRow row, long superseded)
    {
        Rows[Count] = row;
        _superseded[Count] = (uint)(superseded - _first);
        MaxSuperseded = Math.Max(MaxSuperseded, superseded);
        Count++;
    }

    /// <summary>The row's version is newest again; readers that came by the old link may still use the row.</summary>
    public void Kill(int index) => _superseded[index] = Dead;

    public bool IsDead(int index) => _superseded[index] == Dead;

    public long Superseded(int index) => _first + _superseded[index];
}
