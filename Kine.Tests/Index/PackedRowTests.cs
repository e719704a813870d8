using System.Runtime.CompilerServices;
using Kine.Backends;
using Kine.Grains.Index;

namespace Kine.Tests.Index;

/// <summary>Rows in the history come back as they went in, whatever is in them.</summary>
public sealed class PackedRowTests
{
    private static readonly long[] Longs =
    [
        0, 1, -1, 255, 256, int.MaxValue, uint.MaxValue, uint.MaxValue + 1L, (1L << 40) - 1, 1L << 40, (1L << 41) - 1, 1L << 41, long.MaxValue, long.MinValue,
    ];

    private static readonly int[] Ints = [0, 1, -1, -2, (1 << 22) - 2, (1 << 22) - 1, 1 << 22, int.MaxValue - 1, int.MaxValue, int.MinValue];

    [Fact]
    public void A_packed_row_takes_32_bytes_and_every_record_id_of_the_log_fits()
    {
        Assert.Equal(PackedRow.Bytes, Unsafe.SizeOf<PackedRow>());
        Assert.True(PackedRow.Fits(Row(RecordKey.MaxRevision, RecordKey.MaxSub, RecordKey.MaxRevision, 1, 0, 1 << 21, History.NoRow), 0));
    }

    [Fact]
    public void The_highest_of_every_field_together_fit_and_one_more_in_any_of_them_does_not()
    {
        const long number = 1L << 50;
        const long revision = (1L << 41) - 1;
        const int sub = (1 << 22) - 1;
        const int length = (1 << 22) - 2;
        const long version = (1L << 40) - 1;
        const long older = number - (1L << 40) + 1;
        VersionRow highest = Row(revision, sub, revision, version, -1, length, older);

        Assert.True(PackedRow.Fits(highest, number));
        var packed = PackedRow.Pack(highest, number, ushort.MaxValue, uint.MaxValue);
        Assert.False(packed.IsWide);
        Assert.Equal(ushort.MaxValue, packed.LeaseAt);
        Assert.Equal(uint.MaxValue, packed.Superseded);
        Assert.Equal(Fields(highest), Fields(packed.Unpack(number, -1)));

        Assert.False(PackedRow.Fits(Row(revision + 1, sub, revision, version, -1, length, older), number));
        Assert.False(PackedRow.Fits(Row(revision, sub + 1, revision, version, -1, length, older), number));
        Assert.False(PackedRow.Fits(Row(revision, sub, revision + 1, version, -1, length, older), number));
        Assert.False(PackedRow.Fits(Row(revision, sub, revision, version + 1, -1, length, older), number));
        Assert.False(PackedRow.Fits(Row(revision, sub, revision, version, -1, length + 1, older), number));
        Assert.False(PackedRow.Fits(Row(revision, sub, revision, version, -1, length, older - 1), number));
        Assert.False(PackedRow.Fits(Row(revision, sub, revision, version, -1, length, number), number));
        Assert.False(PackedRow.Fits(Row(revision, sub, revision, version, -1, -2, older), number));
        Assert.False(PackedRow.Fits(Row(revision, -1, revision, version, -1, length, older), number));
    }

    [Fact]
    public void Each_field_at_each_extreme_comes_back_and_leaves_the_others_alone()
    {
        var history = new History();
        var rows = new List<(long Number, VersionRow Row)>();
        foreach (long extreme in Longs)
        {
            Append(Row(extreme, 2, 3, 4, 5, 6, History.NoRow));
            Append(Row(1, 2, extreme, 4, 5, 6, History.NoRow));
            Append(Row(1, 2, 3, extreme, 5, 6, History.NoRow));
            Append(Row(1, 2, 3, 4, extreme, 6, History.NoRow));
            Append(Row(1, 2, 3, 4, 5, 6, extreme));
        }

        foreach (int extreme in Ints)
        {
            Append(Row(1, extreme, 3, 4, 5, 6, History.NoRow));
            Append(Row(1, 2, 3, 4, 5, extreme, History.NoRow));
        }

        AssertAll(history, rows);

        void Append(VersionRow row) => rows.Add((history.Append(row, 9), row));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Random_mixtures_come_back_also_after_some_were_restored_and_the_front_was_dropped(int seed)
    {
        var random = new Random(seed);
        var history = new History();
        var rows = new List<(long Number, VersionRow Row)>();
        var dropped = new List<Backends.RecordId>();
        var dead = new HashSet<long>();
        for (long superseded = 10; superseded < 6010; superseded++)
        {
            long older = random.Next(4) == 0 || rows.Count == 0 ? History.NoRow : rows[random.Next(rows.Count)].Number;
            VersionRow row = random.Next(seed == 1 ? 2 : 50) == 0
                ? Row(Any(Longs), Any(Ints), Any(Longs), Any(Longs), Any(Longs), Any(Ints), random.Next(2) == 0 ? older : Any(Longs))
                : Row(random.NextInt64(1L << 41), random.Next(1 << 22), random.NextInt64(1L << 41), random.NextInt64(1L << 40), random.Next(-3, 3), random.Next(-1, (1 << 22) - 1), older);
            long number = history.Append(row, superseded);
            if (random.Next(10) == 0)
            {
                Assert.Equal(Fields(row), Fields(history.Restore(number)));
                dead.Add(number);
            }
            else
                Assert.Equal(superseded, history.Superseded(number));
            rows.Add((number, row));
        }

        AssertAll(history, rows);
        while (history.Drop(4009, 100, dropped) > 0)
        {
        }

        Assert.Equal(rows.Take(4000).Where(at => !dead.Contains(at.Number) && !at.Row.IsTombstone).Select(at => at.Row.Id), dropped);
        AssertAll(history, rows[4000..]);

        T Any<T>(T[] values) => values[random.Next(values.Length)];
    }

    [Fact]
    public void A_chunk_takes_a_lease_of_its_own_for_each_of_its_rows()
    {
        var history = new History();
        var rows = new List<(long Number, VersionRow Row)>();
        for (int i = 0; i < (5 * HistoryChunk.Size) - 1; i++)
        {
            long lease = (i % 3) switch { 0 => i + 1, 1 => -i, _ => long.MaxValue - i };
            VersionRow row = Row(i + 1, 0, 1, 1, lease, 1, History.NoRow);
            rows.Add((history.Append(row, i + 2), row));
        }

        AssertAll(history, rows);
        long expected = 5L * (HistoryChunk.Bytes + HistoryChunk.Size * sizeof(long));
        Assert.InRange(history.Bytes, expected, expected + 4096);
    }

    [Fact]
    public void Tables_that_went_with_their_chunks_are_not_counted_any_more()
    {
        var plain = new History();
        var wide = new History();
        for (int i = 0; i < 10 * HistoryChunk.Size; i++)
        {
            plain.Append(Row(i + 1, 0, 1, 1, 0, 1, History.NoRow), i + 2);
            wide.Append(i < 9 * HistoryChunk.Size ? Row(i + 1, 0, 1, 1, i, int.MaxValue, History.NoRow) : Row(i + 1, 0, 1, 1, 0, 1, History.NoRow), i + 2);
        }

        Assert.InRange(wide.Bytes - plain.Bytes, 9L * HistoryChunk.Size * Unsafe.SizeOf<VersionRow>(), 10L * HistoryChunk.Size * Unsafe.SizeOf<VersionRow>());
        foreach (History history in new[] { plain, wide })
        {
            while (history.Drop((9 * HistoryChunk.Size) + 1, 1000, []) > 0)
            {
            }
        }

        Assert.Equal(plain.Bytes, wide.Bytes);
    }

    [Fact]
    public void Readers_find_whole_rows_while_the_tables_grow()
    {
        const int count = 200 * HistoryChunk.Size;
        var history = new History();
        long published = History.NoRow;
        Exception? failure = null;
        var readers = Enumerable.Range(0, 2).Select(seed => new Thread(() => ReadAll(seed)) { IsBackground = true }).ToList();
        readers.ForEach(reader => reader.Start());
        for (int i = 0; i < count; i++)
            Volatile.Write(ref published, history.Append(Distinct(i, published), i + 2));
        readers.ForEach(reader => reader.Join());
        Assert.Null(failure);

        void ReadAll(int seed)
        {
            var random = new Random(seed);
            try
            {
                long row;
                do
                {
                    row = Volatile.Read(ref published);
                    long from = row;
                    for (int steps = random.Next(1, 2000); steps > 0 && from != History.NoRow; steps--)
                    {
                        Assert.True(history.TryGet(from, out VersionRow found));
                        Assert.Equal(Fields(Distinct((int)from, from - 1)), Fields(found));
                        from = found.Older;
                    }
                }
                while (row < count - 1);
            }
            catch (Exception error)
            {
                Volatile.Write(ref failure, error);
            }
        }

        // Every row has a lease of its own, and every fifth is wide.
        static VersionRow Distinct(int i, long older) => Row(i + 1, i % 7, i + 1, i + 1, -i - 1, i % 5 == 0 ? int.MaxValue - i : i % 1000, older);
    }

    private static VersionRow Row(long mod, int sub, long create, long version, long lease, int valueLength, long older) =>
        new(new KeyVersion(mod, sub, create, version, lease, valueLength), older);

    private static (KeyVersion Version, long Older) Fields(in VersionRow row) => (row.ToVersion(), row.Older);

    private static void AssertAll(History history, List<(long Number, VersionRow Row)> rows)
    {
        foreach ((long number, VersionRow row) in rows)
        {
            Assert.True(history.TryGet(number, out VersionRow found));
            Assert.Equal(Fields(row), Fields(found));
        }
    }
}
