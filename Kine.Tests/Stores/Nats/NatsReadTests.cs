using System.Globalization;
using System.Text.Json.Nodes;
using Kine.Backends;
using Kine.Backends.Nats;
using Kine.Tests.Faults;

namespace Kine.Tests.Stores.Nats;

/// <summary>Reads of scattered values, and what they and their connections must survive.</summary>
[Collection(NatsCollection.Name)]
public sealed class NatsReadTests(NatsFixture fixture)
{
    private const int Length = 900;
    private const int Count = 50_000; // 45 MB: more than is kept of whole messages

    [Fact]
    public async Task Scattered_values_come_out_of_appends_of_every_size_dead_neighbours_and_moves_or_not()
    {
        await using var store = await NatsTestStore.Open(fixture.Server.NewEndpoint());
        var last = await store.Append(1, Count, Length, perBatch: 10_000);
        last = await store.Append(last, 300, Length, perBatch: 3);
        last = await store.Append(last, 3, 3 << 20, perBatch: 1);
        long[] dead = [.. Enumerable.Range(2, 3000).Where(revision => revision % 10 != 0).Select(revision => (long)revision)];
        await store.Store.Delete(dead.Select(revision => new RecordId(revision, 0)).ToArray(), default);
        await AssertValues(store, last);
        await store.Store.Defragment(default);
        await AssertValues(store, last);
        await store.Reopen();
        await AssertValues(store, last);
    }

    [Fact]
    public async Task A_message_as_large_as_earlier_versions_wrote_is_read()
    {
        await using var store = await NatsTestStore.Open(fixture.Server.NewEndpoint());
        var last = await store.Append(1, 5, 512);
        var batch = store.Batch(last, 185, 512);
        var records = new RecordWriter();
        batch.Records.ForEach(record => records.Add(record));
        var content = new ByteWriter();
        records.WriteTo(content, 0);
        var before = await store.State();
        var tail = new LogTail(MessageKind.Append, before.LastSeq + 1, 0, store.Mine.Epoch, batch.LastRevision, 1, 0);
        await store.Publish(tail, content, records.Payload);
        await store.Reopen();
        await store.AssertHolds([.. Enumerable.Range(2, 190)], 512);
        await store.TakeOver();
        await store.Store.Delete(Enumerable.Range(10, 150).Select(revision => new RecordId(revision, 0)).ToArray(), default);
        await store.Store.Defragment(default);
        await store.Reopen();
        await store.AssertHolds([.. Enumerable.Range(2, 8), .. Enumerable.Range(160, 32)], 512);
    }

    [Fact]
    public async Task One_value_brings_little_else_however_large_its_append_was()
    {
        var monitor = Servers.FreePort.Next();
        await using var server = new Servers.NatsServer($"http: \"127.0.0.1:{monitor}\"");
        await server.Start();
        await using var store = await NatsTestStore.Open(server.NewEndpoint());
        var last = await store.Append(1, 20_000, 512, perBatch: 20_000);
        await store.Reopen();
        await store.TakeOver();
        await store.ScanRevisions();
        var before = await Sent();
        RecordId[] ids = [.. Enumerable.Range(0, 100).Select(i => new RecordId(2 + (i * (last / 101)), 0))];
        var values = await store.Store.ReadValues(ids, default);
        var sent = await Sent() - before;
        Assert.Equal(ids.Select(id => NatsTestStore.Value(id.Revision, 512)), values);
        Assert.InRange(sent, 100 * 512, 100 * (AppendPart.WholePayload + 4096));

        async Task<long> Sent()
        {
            using var client = new HttpClient();
            return JsonNode.Parse(await client.GetStringAsync(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{monitor}/varz")))!["out_bytes"]!.GetValue<long>();
        }
    }

    [Fact]
    public async Task Scans_that_end_early_and_the_reads_beside_them_leave_the_connection_whole()
    {
        await using var store = await NatsTestStore.Open(fixture.Server.NewEndpoint());
        var last = await store.Append(1, 60_000, 300, perBatch: 64);
        await store.Reopen();
        await store.TakeOver();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(async worker =>
        {
            for (var round = 0; round < 40; round++)
            {
                var start = 2 + (worker * 2500) + (round * 97);
                var visited = new List<long>();
                await store.Store.ScanMetadata(
                    new RecordId(start - 1, 0), last, 5000, (in RecordMetadata record, ReadOnlySpan<byte> _) => visited.Add(record.Revision), default);
                Assert.Equal(Enumerable.Range(start, 5000).Select(revision => (long)revision), visited);
                RecordId[] ids = [.. Enumerable.Range(0, 10).Select(i => new RecordId(start + (i * 300), 0))];
                var values = await store.Store.ReadValues(ids, default);
                Assert.Equal(ids.Select(id => NatsTestStore.Value(id.Revision, 300)), values);
            }
        }));
    }

    [Fact]
    public async Task A_large_read_whose_connection_is_cut_goes_on_by_itself()
    {
        await using var direct = await NatsTestStore.Open(fixture.Server.NewEndpoint());
        var last = await direct.Append(1, Count, Length, perBatch: 10_000);
        await using var proxy = new FaultProxy(fixture.Server.Port);
        await using var store = await NatsTestStore.Open(fixture.Server.Endpoint(direct.Options.Bucket, proxy.Port), takeOver: false);
        RecordId[] ids = [.. Enumerable.Range(0, 4000).Select(i => new RecordId(2 + (i * 12), 0))];
        for (var round = 0; round < 5; round++)
        {
            var reading = store.Store.ReadValues(ids, default);
            await Task.Delay(round * 5);
            proxy.CutAll();
            var values = await reading;
            for (var i = 0; i < ids.Length; i++)
                Assert.Equal(NatsTestStore.Value(ids[i].Revision, Length), values[i]);
        }
        Assert.True(last > ids[^1].Revision);
    }

    [Fact]
    public async Task Rows_of_side_state_of_every_size_survive()
    {
        await using var store = await NatsTestStore.Open(fixture.Server.NewEndpoint());
        int[] sizes = [0, 1, 40_000, 45_000, 46_000, 90_000, 300_000, 1_500_000];
        var batch = new AppendBatch { Token = store.Token, ExpectedRevision = 1, LastRevision = 4 };
        batch.Records.AddRange(store.Batch(1, 3, 20_000).Records);
        batch.Side.AddRange(sizes.Select((size, i) => new SideRow(SideKind.Meta, [(byte)i], NatsTestStore.Value(i, size))));
        await store.Store.Append(batch);
        await AssertSide(sizes);
        await using var follower = await NatsTestStore.Open(store.Endpoint, takeOver: false);
        Assert.Equal(sizes.Length, (await follower.Store.ReadSide(default)).Count);

        var second = new AppendBatch { Token = store.Token, ExpectedRevision = 4, LastRevision = 4 };
        second.Side.Add(new SideRow(SideKind.Meta, [7], null));
        second.Side.Add(new SideRow(SideKind.Meta, [0], NatsTestStore.Value(0, 200_000)));
        second.Side.Add(new SideRow(SideKind.Meta, [6], NatsTestStore.Value(6, 10)));
        await store.Store.Append(second);
        sizes = [200_000, .. sizes[1..6], 10];
        await AssertSide(sizes);
        await store.Store.Defragment(default);
        await store.Reopen();
        await AssertSide(sizes);
        await store.AssertHolds([2, 3, 4], 20_000);

        async Task AssertSide(int[] expected)
        {
            var rows = await store.Store.ReadSide(default);
            Assert.Equal(expected.Length, rows.Count);
            foreach (var row in rows)
                Assert.True(row.Value.AsSpan().SequenceEqual(NatsTestStore.Value(row.Key[0], expected[row.Key[0]])), $"row {row.Key[0]}");
        }
    }

    [Fact]
    public async Task A_key_of_side_state_that_does_not_fit_is_refused_with_the_limit()
    {
        await using var store = await NatsTestStore.Open(fixture.Server.NewEndpoint());
        var batch = new AppendBatch { Token = store.Token, ExpectedRevision = 1, LastRevision = 1 };
        batch.Side.Add(new SideRow(SideKind.Meta, new byte[AppendPart.LongestSideKey + 1], [1]));
        var refused = await Assert.ThrowsAsync<ArgumentException>(() => store.Store.Append(batch));
        Assert.Contains("4096", refused.Message);
        await store.Append(1, 1, 10);
    }

    // Every 17th record, and some twice, some that are dead and some that never were.
    private static async Task AssertValues(NatsTestStore store, long last)
    {
        long[] revisions = [.. Enumerable.Range(2, (int)last).Where(revision => revision % 17 == 0).Select(revision => (long)revision), 100, 100, last, last + 1, 1];
        var values = await store.Store.ReadValues(revisions.Select(revision => new RecordId(revision, 0)).ToArray(), default);
        for (var i = 0; i < revisions.Length; i++)
        {
            var revision = revisions[i];
            var alive = revision > 1 && revision <= last && (revision > 3001 || revision % 10 == 0);
            var expected = alive ? NatsTestStore.Value(revision, revision > last - 3 ? 3 << 20 : Length) : null;
            Assert.True(values[i] is null == expected is null && values[i].AsSpan().SequenceEqual(expected), $"value {revision}");
        }
    }
}
