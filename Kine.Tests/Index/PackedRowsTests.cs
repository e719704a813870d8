using Kine.Backends;
using Kine.Grains.Index;

namespace Kine.Tests.Index;

/// <summary>Rows in the history come back as they went in, whatever is in them, packed or not yet.</summary>
public sealed class PackedRowsTests
{
    private static readonly long[] Longs =
    [
        0, 1, -1, 255, 256, int.MaxValue, uint.MaxValue, uint.MaxValue + 1L, (1L << 41) - 1, 1L << 41, long.MaxValue, long.MinValue,
    ];

    private static readonly int[] Ints = [0, 1, -1, -2, 1 << 22, int.MaxValue - 1, int.MaxValue, int.MinValue];

    private History _history = new();
    private readonly List<(VersionRow Newer, VersionRow Row)> _rows = [];

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(63)]
    [InlineData(64)]
    public void A_column_of_any_width_gives_its_numbers_back_at_any_place(int width)
    {
        var random = Draw.From(width);
        var greatest = width == 64 ? -1 : (1L << width) - 1;
        long[] numbers = [.. Enumerable.Range(0, 1000).Select(_ => (random.NextInt64(long.MinValue, long.MaxValue) & greatest) - 7), -7, greatest - 7];
        for (var offset = 0; offset < 130; offset++)
        {
            var words = new ulong[1100];
            var column = new PackedColumn(numbers, words, offset);
            Assert.Equal(offset + (width * numbers.Length), column.End);
            Assert.Equal(numbers, Enumerable.Range(0, numbers.Length).Select(i => column[words, i]));
        }
    }

    [Fact]
    public void Each_field_at_each_extreme_comes_back_and_leaves_the_others_alone()
    {
        foreach (var extreme in Longs)
        {
            Append(Row(extreme, 2, 3, 4, 5, 6, History.NoRow), 9);
            Append(Row(1, 2, extreme, 4, 5, 6, History.NoRow), 9);
            Append(Row(1, 2, 3, extreme, 5, 6, History.NoRow), 9);
            Append(Row(1, 2, 3, 4, extreme, 6, History.NoRow), 9);
            Append(Row(1, 2, 3, 4, 5, 6, extreme), 9);
        }

        foreach (var extreme in Ints)
        {
            Append(Row(1, extreme, 3, 4, 5, 6, History.NoRow), 9);
            Append(Row(1, 2, 3, 4, 5, extreme, History.NoRow), 9);
        }

        AssertAll();
        while (_history.Rows % HistoryChunk.Size != 0)
            Append(Row(1, 2, 3, 4, 5, 6, History.NoRow), 9);

        AssertAll();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Random_mixtures_come_back_also_after_some_were_restored_and_the_front_was_dropped(int seed)
    {
        var random = Draw.From(seed);
        var dropped = new List<Backends.RecordId>();
        var dead = new HashSet<long>();
        for (long superseded = 10; superseded < 6010; superseded++)
        {
            var older = random.Next(4) == 0 || _rows.Count == 0 ? History.NoRow : _rows[random.Next(_rows.Count)].Newer.Older;
            var row = random.Next(seed == 1 ? 2 : 50) == 0
                ? Row(Any(Longs), Any(Ints), Any(Longs), Any(Longs), Any(Longs), Any(Ints), random.Next(2) == 0 ? older : Other())
                : Row(
                    random.NextInt64(1L << 41), random.Next(1 << 22), random.NextInt64(1L << 41), random.NextInt64(1L << 40),
                    random.Next(-3, 3), random.Next(-1, (1 << 22) - 1), older);
            var newer = Append(row, superseded);
            if (random.Next(10) == 0)
            {
                Assert.Equal(Fields(row), Fields(_history.Restore(newer)));
                dead.Add(newer.Older);
            }
        }

        AssertAll();
        while (_history.Drop(4009, 100, dropped) > 0)
        {
        }

        Assert.Equal(_rows.Take(4000).Where(at => !dead.Contains(at.Newer.Older) && !at.Row.IsTombstone).Select(at => at.Row.Id), dropped);
        _rows.RemoveRange(0, 4000);
        AssertAll();

        T Any<T>(T[] values) => values[random.Next(values.Length)];

        // Nothing is older than itself.
        long Other() => Any(Longs) is var row && row == _rows.Count ? History.NoRow : row;
    }

    [Fact]
    public void A_chunk_takes_a_lease_of_its_own_for_each_of_its_rows()
    {
        const int rows = 500 * HistoryChunk.Size;
        for (var i = 0; i < rows; i++)
            Append(Row(i + 1, 0, 1, 1, (i % 3) switch { 0 => i + 1, 1 => -i, _ => long.MaxValue - i }, 1, History.NoRow), i + 2);

        AssertAll();
        Assert.InRange(HeapBytes.FreedBy(() => _history = new History()), rows * 7L, rows * 14L);
    }

    [Fact]
    public void Updates_of_a_million_keys_take_less_than_seven_bytes_each()
    {
        const int keys = 1_000_000;
        const int updates = 3_000_000;
        var random = Draw.From(5);
        var newest = new VersionRow[keys];
        for (var i = 0; i < keys; i++)
            newest[i] = Row(i + 2, 0, i + 2, 1, 0, 256, History.NoRow);

        for (long revision = keys + 2; revision < keys + 2 + updates; revision++)
        {
            ref var row = ref newest[random.Next(keys)];
            var newer = new KeyVersion(revision, 0, row.Create, row.Version + 1, 0, 256);
            row = new VersionRow(newer, _history.Append(row, newer));
        }

        Assert.InRange(HeapBytes.FreedBy(() => _history = new History()), updates, updates * 7L);
    }

    [Fact]
    public void Readers_find_whole_rows_while_chunks_are_packed()
    {
        const int count = 200 * HistoryChunk.Size;
        var published = History.NoRow;
        Exception? failure = null;
        var readers = Enumerable.Range(0, 2).Select(seed => new Thread(() => ReadAll(seed)) { IsBackground = true }).ToList();
        readers.ForEach(reader => reader.Start());
        for (var i = 0; i < count; i++)
            Volatile.Write(ref published, _history.Append(Distinct(i, published), Distinct(i + 1, i).ToVersion()));

        readers.ForEach(reader => reader.Join());
        Assert.Null(failure);

        void ReadAll(int seed)
        {
            var random = Draw.From(seed);
            try
            {
                long from;
                do
                {
                    from = Volatile.Read(ref published);
                    var row = Distinct((int)from + 1, from);
                    for (var steps = random.Next(1, 2000); steps > 0 && row.Older != History.NoRow; steps--)
                    {
                        var number = row.Older;
                        Assert.True(_history.TryGetOlder(ref row));
                        Assert.Equal(Fields(Distinct((int)number, number - 1)), Fields(row));
                    }
                }
                while (from < count - 1);
            }
            catch (Exception error)
            {
                Volatile.Write(ref failure, error);
            }
        }

        // Every row has a lease of its own, and every fifth goes far beyond the others.
        static VersionRow Distinct(int i, long older) => Row(i + 1, i % 7, i % 3, i + 1, -i - 1, i % 5 == 0 ? int.MaxValue - i : i % 1000, older);
    }

    private static VersionRow Row(long mod, int sub, long create, long version, long lease, int valueLength, long older) =>
        new(new KeyVersion(mod, sub, create, version, lease, valueLength), older);

    private static (KeyVersion Version, long Older) Fields(in VersionRow row) => (row.ToVersion(), row.Older);

    // The newer version is the next of the key, a tombstone, or of a key that is there again.
    private VersionRow Append(VersionRow row, long superseded)
    {
        var newer = (_rows.Count % 4) switch
        {
            0 => new KeyVersion(superseded, 1, 0, 0, 0, -1),
            1 => new KeyVersion(superseded, 1, superseded, 1, 77, 3),
            _ => new KeyVersion(superseded, 1, row.Create, row.Version + 1, row.Lease, 3),
        };
        _rows.Add((new VersionRow(newer, _history.Append(row, newer)), row));
        return _rows[^1].Newer;
    }

    private void AssertAll()
    {
        foreach ((var newer, var row) in _rows)
        {
            var found = newer;
            Assert.True(_history.TryGetOlder(ref found));
            Assert.Equal(Fields(row), Fields(found));
        }
    }
}
