using Kine.Backends;
using Kine.Backends.Sqlite;
using Xunit;

namespace Kine.Tests.Stores;

/// <summary>Deletions, vacuum and checkpoints beside the appends.</summary>
public sealed class SqliteBackgroundTests : IDisposable
{
    private readonly TempFolder _folder = new();

    private string Path => _folder.File("state.db");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Appends_go_on_while_a_large_deletion_runs()
    {
        await using var store = new SqliteRevisionStore(new SqliteOptions { Path = Path });
        await store.Open(default);
        const int Count = 60_000;
        (var token, var last) = await LogFiller.Fill(store, Count);

        var delete = store.Delete(Ids(2, Count - 100), default);
        var before = 0;
        for (; !delete.IsCompleted; before++)
            last = await LogFiller.Append(store, token, last, 1, 100);

        await delete;

        // One piece between two appends at most: the deletion takes many pieces.
        Assert.True(before >= 20, $"only {before} appends got through beside the deletion");
        Assert.Equal(100 + before, (await store.ReadRecords(default, long.MaxValue, int.MaxValue, long.MaxValue, default)).Count);
    }

    [Fact]
    public async Task A_cancelled_deletion_stops_between_two_pieces_and_the_store_goes_on()
    {
        await using var store = new SqliteRevisionStore(new SqliteOptions { Path = Path });
        await store.Open(default);
        (var token, var last) = await LogFiller.Fill(store, 60_000);
        using var cancel = new CancellationTokenSource();

        var delete = store.Delete(Ids(2, 59_000), cancel.Token);
        last = await LogFiller.AppendOne(store, token, last);
        cancel.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => delete);

        await LogFiller.AppendOne(store, token, last);
        Assert.InRange((await store.ReadRecords(default, long.MaxValue, int.MaxValue, long.MaxValue, default)).Count, 1002, 60_002);
    }

    [Fact]
    public async Task Defragment_gives_the_space_of_deleted_records_back_to_the_file_system_under_writes()
    {
        await using var store = new SqliteRevisionStore(new SqliteOptions { Path = Path });
        await store.Open(default);
        (var token, var last) = await LogFiller.Fill(store, 1);
        last = await LogFiller.Append(store, token, last, 20_000, 1000);
        await store.Delete(Ids(2, 19_000), default);
        var deleted = await store.Size(default);
        Assert.True(deleted.InUse < 4_000_000, deleted.ToString());

        var defragment = store.Defragment(default);
        while (!defragment.IsCompleted)
            last = await LogFiller.AppendOne(store, token, last);

        await defragment;
        await store.DisposeAsync();

        Assert.InRange(new FileInfo(Path).Length, 1, 4_000_000);
        await using var file = RawDatabase.Open(Path);
        Assert.Equal("ok", file.Text("PRAGMA integrity_check"));
        Assert.Equal(last - 1 - 19_000, file.Long("SELECT count(*) FROM log"));
    }

    [Fact]
    public async Task Without_checkpoints_of_ours_every_frame_stays_in_the_wal_past_a_close()
    {
        var options = new SqliteOptions { Path = Path, Checkpoints = false, CheckpointBytes = 1, WalLimitBytes = 1 << 20 };
        await using var store = new SqliteRevisionStore(options);
        await store.Open(default);
        (var token, var last) = await LogFiller.Fill(store, 1);
        for (var i = 0; i < 20; i++)
            last = await LogFiller.Append(store, token, last, 64, 4000);

        var whole = new FileInfo(Path + "-wal").Length;
        await store.DisposeAsync();

        Assert.True(whole > 20 * 64 * 4000, $"{whole} bytes");
        Assert.Equal(whole, new FileInfo(Path + "-wal").Length);
        await using var again = new SqliteRevisionStore(options);
        await again.Open(default);
        Assert.Equal(last, (await again.ReadFence(default)).LastRevision);
    }

    private static RecordId[] Ids(int first, int count) => Enumerable.Range(first, count).Select(revision => new RecordId(revision, 0)).ToArray();
}
