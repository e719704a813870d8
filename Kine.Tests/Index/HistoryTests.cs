using Kine.Backends;
using Kine.Grains.Index;

namespace Kine.Tests.Index;

public sealed class HistoryTests
{
    private readonly History _history = new();
    private readonly List<RecordId> _dropped = [];

    [Fact]
    public void A_row_that_an_undo_took_back_stays_for_readers_below_the_undone_revision()
    {
        long undone = Append(5, 300);
        _history.Restore(undone);
        for (long mod = 6; mod < 5000; mod++)
            Append(mod, 200);

        DropAll(250);

        Assert.Equal(4994, _dropped.Count);
        Assert.DoesNotContain(new RecordId(5, 0), _dropped);
        Assert.True(_history.TryGet(undone, out VersionRow row) && row.Mod == 5);
        DropAll(300);
        Assert.Equal(4994, _dropped.Count);
        Assert.False(_history.TryGet(undone, out _));
    }

    [Fact]
    public void Dropped_chunks_are_let_go_and_later_rows_are_still_found()
    {
        var rows = new List<long>();
        for (long mod = 1; mod <= 100_000; mod++)
            rows.Add(Append(mod, mod + 1));
        long before = _history.Bytes;

        DropAll(90_000);

        Assert.Equal(Enumerable.Range(1, 89_999).Select(mod => new RecordId(mod, 0)), _dropped);
        Assert.Equal(10_001, _history.Rows);
        Assert.InRange(_history.Bytes, 1, before / 5);
        Assert.False(_history.TryGet(rows[0], out _));
        Assert.False(_history.TryGet(History.NoRow, out _));
        for (int i = 90_000; i < rows.Count; i++)
            Assert.True(_history.TryGet(rows[i], out VersionRow row) && row.Mod == i + 1);
    }

    [Fact]
    public void Revisions_may_jump_by_more_than_a_chunk_can_express()
    {
        long first = Append(1, 10);
        long second = Append(2, 10L << 40);
        long third = Append(3, 20L << 40);

        DropAll(10L << 40);

        Assert.Equal([new RecordId(1, 0), new RecordId(2, 0)], _dropped);
        Assert.False(_history.TryGet(first, out _));
        Assert.False(_history.TryGet(second, out _));
        Assert.True(_history.TryGet(third, out _));
    }

    private long Append(long mod, long superseded) => _history.Append(new VersionRow(new KeyVersion(mod, 0, 1, 1, 0, 1), History.NoRow), superseded);

    private void DropAll(long revision)
    {
        while (_history.Drop(revision, 1000, _dropped) > 0)
        {
        }
    }
}
