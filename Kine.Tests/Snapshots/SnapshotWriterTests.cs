using Kine.Backends;
using Kine.Backends.Memory;
using Kine.Grains;
using Kine.Grains.Index;
using Kine.Grains.Reads;
using Kine.Grains.Snapshots;
using Kine.Tests.Servers;

namespace Kine.Tests.Snapshots;

/// <summary>The writer on a store of its own, where a test can do to the log what a server would not.</summary>
public sealed class SnapshotWriterTests : IAsyncLifetime
{
    private readonly TempFolder _folder = new();
    private readonly MemoryRevisionStore _store = new();
    private readonly KeyIndex _index = new();
    private readonly CompactionPins _pins = new();
    private Fence _fence = null!;

    public async Task InitializeAsync()
    {
        await _store.Open(default);
        _fence = (await _store.TakeOver(await _store.ReadFence(default), Guid.NewGuid(), "", TimeSpan.FromSeconds(10), default))!;
    }

    public async Task DisposeAsync()
    {
        await _store.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_snapshot_from_which_records_went_ends_with_compacted_instead_of_a_file()
    {
        await Append(2000, 1000, 2001);
        using var point = Point(2001, -1);
        var pieces = new SnapshotWriter(_store, _index, point, TimeProvider.System).Write(default).GetAsyncEnumerator();
        Assert.True(await pieces.MoveNextAsync());
        await _store.Delete(new RecordId[] { new(1990, 0) }, default);

        var ended = await Assert.ThrowsAsync<EtcdException>(async () =>
        {
            while (await pieces.MoveNextAsync())
                Assert.True(pieces.Current.Remaining > 0);
        });

        Assert.Equal(EtcdErrors.Compacted.Message, ended.Message);
    }

    [Fact]
    public async Task A_log_that_ends_in_revisions_without_records_keeps_its_revision()
    {
        await Append(10, 10, 500);
        using var point = Point(500, -1);

        using var file = await Write(point);

        Assert.Equal(500, file.Contents.Revision);
        Assert.Equal(10, file.Records().Count());
    }

    [Fact]
    public async Task What_compaction_has_yet_to_delete_is_left_out()
    {
        await Append(100, 10, 101);
        for (var revision = 2; revision <= 101; revision++)
            _index.Apply("key"u8, new KeyVersion(revision, 0, 2, revision - 1, 0, 10));

        using var point = Point(101, 51);

        using var file = await Write(point);

        Assert.Equal(51, file.Contents.CompactRevision);
        Assert.Equal(51, file.Records().Count()); // the newest up to the mark, and the 50 above it
        Assert.Equal(51, file.Records().First().Revision);
    }

    private async Task Append(int count, int valueLength, long last)
    {
        var batch = new AppendBatch { Token = new FenceToken(_fence.Epoch, _fence.Holder), ExpectedRevision = 1, LastRevision = last };
        for (var revision = 2; revision < count + 2; revision++)
            batch.Records.Add(new LogRecord(revision, 0, "key"u8.ToArray(), 2, revision - 1, 0, false, new byte[valueLength]));

        await _store.Append(batch);
    }

    private SnapshotPoint Point(long revision, long compacted) => new()
    {
        Revision = revision,
        CompactRevision = compacted,
        Term = 1,
        Identity = new ClusterIdentity(1, 2),
        ClientUrl = "http://127.0.0.1:2379",
        StorageVersion = "3.6.0",
        Leases = [],
        Alarms = [],
        Pin = _pins.Acquire(compacted),
    };

    private async Task<SnapshotFile> Write(SnapshotPoint point)
    {
        var path = _folder["snapshot.db"];
        await using (var file = File.Create(path))
        {
            await foreach (var piece in new SnapshotWriter(_store, _index, point, TimeProvider.System).Write(default))
            {
                await file.WriteAsync(piece.Bytes);
            }
        }
        return SnapshotFile.Open(path);
    }
}
