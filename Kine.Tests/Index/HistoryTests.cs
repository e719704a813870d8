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
        var undone = Append(5, 300);
        _history.Restore(Newer(undone));
        for (long mod = 6; mod < 5000; mod++)
            Append(mod, 200);

        DropAll(250);

        Assert.Equal(4994, _dropped.Count);
        Assert.DoesNotContain(new RecordId(5, 0), _dropped);
        Assert.Equal(5, Mod(undone));
        DropAll(300);
        Assert.Equal(4994, _dropped.Count);
        Assert.Null(Mod(undone));
    }

    [Fact]
    public void Dropped_chunks_are_let_go_and_later_rows_are_still_found()
    {
        var rows = new List<long>(1_000_000);
        _dropped.EnsureCapacity(1_000_000);
        var empty = GC.GetTotalMemory(forceFullCollection: true);
        for (long mod = 1; mod <= 1_000_000; mod++)
            rows.Add(Append(mod, mod + 1));

        var full = GC.GetTotalMemory(forceFullCollection: true) - empty;

        DropAll(900_000);

        Assert.True(GC.GetTotalMemory(forceFullCollection: true) - empty < full / 5);
        Assert.Equal(Enumerable.Range(1, 899_999).Select(mod => new RecordId(mod, 0)), _dropped);
        Assert.Equal(100_001, _history.Rows);
        Assert.Null(Mod(rows[0]));
        Assert.Null(Mod(History.NoRow));
        for (var i = 900_000; i < rows.Count; i++)
            Assert.Equal(i + 1, Mod(rows[i]));
    }

    private static VersionRow Newer(long row) => new(new KeyVersion(long.MaxValue, 0, 1, 2, 0, 1), row);

    private long? Mod(long row)
    {
        var version = Newer(row);
        return _history.TryGetOlder(ref version) ? version.Mod : null;
    }

    private long Append(long mod, long superseded) =>
        _history.Append(new VersionRow(new KeyVersion(mod, 0, 1, 1, 0, 1), History.NoRow), new KeyVersion(superseded, 0, 1, 2, 0, 1));

    private void DropAll(long revision)
    {
        while (_history.Drop(revision, 1000, _dropped) > 0)
        {
        }
    }
}
