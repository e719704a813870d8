using System.Security.Cryptography;
using Kine.Backends;
using Kine.Backends.Sqlite;

namespace Kine.Tests.Stores;

/// <summary>Records: what goes in comes out, in order, by page, by id, and is gone when deleted.</summary>
public abstract partial class StoreContract
{
    [Fact]
    public async Task An_empty_log_has_no_records_and_ends_at_revision_1()
    {
        Assert.Empty(await ReadAll());
        Assert.Empty(await ScanAll());
        Assert.Equal(1, (await Store.ReadFence(default)).LastRevision);
    }

    [Fact]
    public async Task Records_come_back_whole_and_in_order()
    {
        LogRecord[] records =
        [
            Put(2, "/a", "one"),
            new(3, 0, Bytes("/a"), 2, 2, -4242424242424242, false, Bytes("two")),
            new(3, 1, Bytes("/b"), 3, 1, long.MinValue, false, default),
            Tombstone(5, "/a"),
            new(5, 7, new byte[] { 0, 255, 0, 10, 128 }, 5, long.MaxValue, long.MaxValue, false, new byte[] { 0, 0, 255 }),
        ];
        await Store.Append(Batch(1, 6, records));

        var read = await ReadAll();
        Assert.Equal(records.Length, read.Count);
        for (var i = 0; i < records.Length; i++)
            AssertSame(records[i], read[i]);

        var scanned = await ScanAll(page: 2);
        Assert.Equal(records.Length, scanned.Count);
        for (var i = 0; i < records.Length; i++)
        {
            var r = records[i];
            Assert.Equal(new RecordMetadata(r.Revision, r.Sub, r.CreateRevision, r.Version, r.Lease, r.Tombstone, r.Value.Length), scanned[i].Metadata);
            Assert.Equal(r.Key.ToArray(), scanned[i].Key);
        }
        Assert.Equal(6, (await Store.ReadFence(default)).LastRevision);
    }

    [Fact]
    public async Task Big_empty_and_random_values_survive()
    {
        var big = RandomNumberGenerator.GetBytes(1536 * 1024);
        int[] lengths = [0, 1, 4000, 8100, 8192, 70_000];
        var batch = Batch(1, 2 + lengths.Length, new LogRecord(2, 0, Bytes("/big"), 2, 1, 0, false, big));
        for (var i = 0; i < lengths.Length; i++)
            batch.Records.Add(new LogRecord(3 + i, 0, Bytes($"/k{i}"), 3 + i, 1, 0, false, RandomNumberGenerator.GetBytes(lengths[i])));

        await Store.Append(batch);

        var values = await Store.ReadValues(batch.Records.Select(record => record.Id).ToArray(), default);
        for (var i = 0; i < values.Length; i++)
            Assert.Equal(batch.Records[i].Value.ToArray(), values[i]);

        var read = await ReadAll();
        Assert.Equal(batch.Records.Count, read.Count);
        for (var i = 0; i < read.Count; i++)
            AssertSame(batch.Records[i], read[i]);

        Assert.Equal(batch.Records.Select(record => record.Value.Length), (await ScanAll()).Select(record => record.Metadata.ValueLength));
    }

    [Fact]
    public async Task Reads_begin_after_an_id_and_end_with_a_revision()
    {
        await Store.Append(Batch(1, 5, Put(2, "/a", "1"), Put(3, "/a", "2"), Put(3, "/b", "2", 1), Put(3, "/c", "2", 2), Put(4, "/d", "3"), Put(5, "/e", "4")));

        Assert.Equal([new(3, 2), new(4, 0)], (await ReadAll(new RecordId(3, 1), 4)).Select(record => record.Id));
        Assert.Equal([new(3, 1), new(3, 2)], (await ReadAll(new RecordId(3, 0), 3)).Select(record => record.Id));
        Assert.Equal([new(4, 0), new(5, 0)], (await ReadAll(new RecordId(3, int.MaxValue))).Select(record => record.Id));
        Assert.Empty(await ReadAll(new RecordId(5, 0)));
        Assert.Empty(await ReadAll(new RecordId(4, int.MaxValue), 4));
        Assert.Equal([3L, 3, 4], (await ScanAll(new RecordId(3, 0), 4, page: 2)).Select(record => record.Metadata.Revision));
        Assert.Null(await Store.ScanMetadata(new RecordId(5, 0), 9, 10, (in RecordMetadata _, ReadOnlySpan<byte> _) => Assert.Fail("visited"), default));
    }

    [Fact]
    public async Task Pages_keep_their_limits_of_records_and_bytes()
    {
        await AppendPuts(1, 100, valueLength: 1000);

        Assert.Equal(7, (await Store.ReadRecords(default, long.MaxValue, 7, long.MaxValue, default)).Count);
        Assert.InRange((await Store.ReadRecords(default, long.MaxValue, 100, 5_000, default)).Count, 4, 6);
        Assert.Single(await Store.ReadRecords(default, long.MaxValue, 100, 1, default));
        var visited = 0;
        var last = await Store.ScanMetadata(default, long.MaxValue, 9, (in RecordMetadata _, ReadOnlySpan<byte> _) => visited++, default);
        Assert.Equal((9, new RecordId(10, 0)), (visited, last));
    }

    [Fact]
    public async Task One_revision_may_hold_100000_operations()
    {
        const int Count = 100_000;
        var batch = Batch(1, 3);
        for (var sub = 0; sub < Count; sub++)
            batch.Records.Add(Tombstone(2, $"/key/{sub:d6}", sub));

        batch.Records.Add(Put(3, "/after", "x"));
        await Store.Append(batch);

        var scanned = await ScanAll(page: 30_000);
        Assert.Equal(Count + 1, scanned.Count);
        for (var sub = 0; sub < Count; sub++)
            Assert.Equal((2, sub), (scanned[sub].Metadata.Revision, scanned[sub].Metadata.Sub));

        Assert.Equal(Bytes("/key/099999"), scanned[Count - 1].Key);
        Assert.Equal([new RecordId(2, Count - 1), new RecordId(3, 0)], (await ReadAll(new RecordId(2, Count - 2))).Select(record => record.Id));
    }

    [Fact]
    public async Task Values_come_in_the_order_asked_and_null_where_there_is_none()
    {
        await AppendPuts(1, 20);
        await Store.Append(Batch(21, 22, new LogRecord(22, 0, Bytes("/empty"), 22, 1, 0, false, default)));
        RecordId[] ids = [new(22, 0), new(9, 0), new(99, 0), new(2, 0), new(2, 1), new(9, 0), new(long.MaxValue, int.MaxValue), new(-5, 0)];

        var values = await Store.ReadValues(ids, default);

        var put = Bytes(new string('v', 16));
        byte[]?[] expected = [[], put, null, put, null, put, null, null];
        Assert.Equal(expected, values);
        Assert.Empty(await Store.ReadValues(default, default));
    }

    [Fact]
    public async Task Deleted_records_are_gone_and_the_rest_stays()
    {
        await AppendPuts(1, 1000);
        var odd = Enumerable.Range(2, 1000).Where(revision => revision % 2 == 1).Select(revision => new RecordId(revision, 0)).ToArray();
        Random.Shared.Shuffle(odd);

        var deletions = await Store.Deletions(default);
        await Store.Delete(odd, default);
        var deletionsThen = await Store.Deletions(default);
        Assert.Equal(Store is not SqliteRevisionStore, deletionsThen > deletions);
        await Store.Delete(odd, default);
        Assert.Equal(deletionsThen, await Store.Deletions(default));
        await Store.Delete(new RecordId[] { new(5000, 0), new(long.MaxValue, 0) }, default);

        Assert.Equal(Enumerable.Range(2, 1000).Where(revision => revision % 2 == 0), (await ScanAll()).Select(record => (int)record.Metadata.Revision));
        Assert.All(await Store.ReadValues(odd, default), Assert.Null);
        Assert.Equal(1001, (await Store.ReadFence(default)).LastRevision);
        await Store.Append(Batch(1001, 1002, Put(1002, "/more", "x")));
        Assert.Equal(501, (await ReadAll()).Count);
    }

    [Fact]
    public async Task Readers_see_whole_batches_in_order_while_appends_go_on()
    {
        using var done = new CancellationTokenSource();
        var readers = Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            long seen = 1;
            while (!done.IsCancellationRequested)
            {
                foreach ((var record, var key) in await ScanAll(new RecordId(seen, int.MaxValue), page: 3))
                {
                    Assert.Equal(seen + 1, record.Revision);
                    Assert.Equal(Bytes($"/registry/pods/{record.Revision}"), key);
                    seen = record.Revision;
                }
                var value = await Store.ReadValues(new RecordId[] { new(seen, 0) }, default);
                Assert.Equal(seen > 1 ? 300 : null, value[0]?.Length);
            }
        })).ToArray();

        await AppendPuts(1, 600, valueLength: 300, perBatch: 3);
        done.Cancel();
        await Task.WhenAll(readers);
    }

    [Fact]
    public async Task Size_follows_the_data()
    {
        var before = await Store.Size(default);
        var last = await AppendPuts(1, 1000, valueLength: 4000);
        var full = await Store.Size(default);
        Assert.True(full.InUse >= before.InUse + 4_000_000, $"{before} -> {full}");
        Assert.True(full.Total >= full.InUse);

        await Store.Delete(Enumerable.Range(2, (int)last - 1).Select(revision => new RecordId(revision, 0)).ToArray(), default);
        var deleted = await Store.Size(default);
        Assert.True(deleted.InUse < full.InUse - 3_500_000, $"{full} -> {deleted}");
        await Store.Defragment(default);
        var defragmented = await Store.Size(default);
        Assert.True(defragmented.InUse <= deleted.InUse && defragmented.Total < defragmented.InUse + 300_000, $"{deleted} -> {defragmented}");
    }

    [Fact]
    public async Task Appends_go_on_while_the_store_is_defragmented()
    {
        var last = await AppendPuts(1, 2000, valueLength: 4000);
        await Store.Delete(Enumerable.Range(2, (int)last - 2).Select(revision => new RecordId(revision, 0)).ToArray(), default);
        using var ended = new CancellationTokenSource();
        var appends = Task.Run(async () =>
        {
            while (!ended.IsCancellationRequested)
                last = await AppendPuts(last, 1);
        });
        for (var i = 0; i < 3; i++)
            await Store.Defragment(default);

        await ended.CancelAsync();
        await appends;
        Assert.Equal(last, (await Store.ReadFence(default)).LastRevision);
        Assert.Equal(last, (await ReadAll())[^1].Revision);
    }
}
