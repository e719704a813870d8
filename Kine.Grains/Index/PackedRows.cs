using System.Buffers;
using Kine.Backends;

namespace Kine.Grains.Index;

/// <summary>
/// The rows of a full <see cref="HistoryChunk"/>, column by column. Updates of a million keys take some 50 bits a row, 25 for the revision
/// and 25 for the way to the older row; what is the same for all rows takes nothing. The create revision and the version of a row are kept
/// as the step to those of the version that superseded it, which is what a reader comes from.
/// </summary>
internal sealed class PackedRows
{
    private const int Columns = 8;

    private readonly ulong[] _words;
    private readonly long[] _leases; // each once
    private readonly long _firstRow;
    private readonly PackedColumn _mod;
    private readonly PackedColumn _sub;
    private readonly PackedColumn _createStep;
    private readonly PackedColumn _versionStep;
    private readonly PackedColumn _lease; // places in _leases
    private readonly PackedColumn _valueLength;
    private readonly PackedColumn _distance; // back to the older row, 0 when there is none
    private readonly PackedColumn _superseded; // less the row's place: revisions without a gap all give the same

    /// <param name="firstRow">Number of the first row.</param>
    /// <param name="rows">At most <see cref="HistoryChunk.Size"/>.</param>
    public PackedRows(long firstRow, ReadOnlySpan<SupersededRow> rows)
    {
        _firstRow = firstRow;
        var count = rows.Length;
        var numbers = ArrayPool<long>.Shared.Rent(count * Columns);
        for (var i = 0; i < count; i++)
        {
            ref readonly var superseded = ref rows[i];
            ref readonly var row = ref superseded.Row;
            numbers[i] = row.Mod;
            numbers[i + count] = row.Sub;
            numbers[i + 2 * count] = superseded.CreateStep;
            numbers[i + 3 * count] = superseded.VersionStep;
            numbers[i + 4 * count] = row.Lease;
            numbers[i + 5 * count] = row.ValueLength;
            numbers[i + 6 * count] = row.Older == History.NoRow ? 0 : firstRow + i - row.Older;
            numbers[i + 7 * count] = superseded.Superseded - i;
        }

        var leases = numbers.AsSpan(4 * count, count);
        _leases = Distinct(leases);
        foreach (ref var lease in leases)
            lease = Array.BinarySearch(_leases, lease);

        var words = ArrayPool<ulong>.Shared.Rent(count * Columns + PackedColumn.Spare);
        Array.Clear(words, 0, count * Columns + PackedColumn.Spare);
        _mod = new PackedColumn(numbers.AsSpan(0, count), words, 0);
        _sub = new PackedColumn(numbers.AsSpan(count, count), words, _mod.End);
        _createStep = new PackedColumn(numbers.AsSpan(2 * count, count), words, _sub.End);
        _versionStep = new PackedColumn(numbers.AsSpan(3 * count, count), words, _createStep.End);
        _lease = new PackedColumn(leases, words, _versionStep.End);
        _valueLength = new PackedColumn(numbers.AsSpan(5 * count, count), words, _lease.End);
        _distance = new PackedColumn(numbers.AsSpan(6 * count, count), words, _valueLength.End);
        _superseded = new PackedColumn(numbers.AsSpan(7 * count, count), words, _distance.End);
        _words = words[..(_superseded.End / 64 + PackedColumn.Spare)];
        ArrayPool<ulong>.Shared.Return(words);
        ArrayPool<long>.Shared.Return(numbers);
    }

    /// <summary>The row at <paramref name="index"/>, superseded by <paramref name="newer"/>.</summary>
    public VersionRow Read(int index, in VersionRow newer)
    {
        var distance = _distance[_words, index];
        var version = new KeyVersion(
            _mod[_words, index],
            (int)_sub[_words, index],
            newer.Create - _createStep[_words, index],
            newer.Version - _versionStep[_words, index],
            _leases[_lease[_words, index]],
            (int)_valueLength[_words, index]);
        return new VersionRow(version, distance == 0 ? History.NoRow : _firstRow + index - distance);
    }

    /// <summary>The log's id of the row at <paramref name="index"/>.</summary>
    public RecordId Id(int index) => new(_mod[_words, index], (int)_sub[_words, index]);

    public bool IsTombstone(int index) => _valueLength[_words, index] < 0;

    /// <summary>Revision that superseded the row at <paramref name="index"/>.</summary>
    public long Superseded(int index) => _superseded[_words, index] + index;

    private static long[] Distinct(ReadOnlySpan<long> leases)
    {
        var sorted = leases.ToArray();
        if (!leases.ContainsAnyExcept(leases[0]))
            return sorted[..1];

        Array.Sort(sorted);
        var count = 0;
        foreach (var lease in sorted)
        {
            if (count == 0 || lease != sorted[count - 1])
                sorted[count++] = lease;
        }

        return sorted[..count];
    }
}
