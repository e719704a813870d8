using System.Buffers;
using System.Text.Json.Nodes;
using Kine.Backends;
using Kine.Backends.Nats;
using Kine.Backends.Stores;
using NATS.Client.Core;
using NATS.Client.JetStream;
using NATS.Client.JetStream.Models;

namespace Kine.Tests.Stores.Nats;

/// <summary>What is particular to the log in a stream: its set-up, parts, and who may write.</summary>
[Collection(NatsCollection.Name)]
public sealed class NatsStoreTests(NatsFixture fixture)
{
    [Theory]
    [InlineData("max_age", "3600000000000", "max_age")]
    [InlineData("max_msgs", "1000000", "max_msgs")]
    [InlineData("max_bytes", "1000000000", "max_bytes")]
    [InlineData("max_msg_size", "1000", "max_msg_size")]
    [InlineData("max_msgs_per_subject", "64", "max_msgs_per_subject")]
    [InlineData("discard", "\"old\"", "discard")]
    [InlineData("storage", "\"memory\"", "storage")]
    [InlineData("retention", "\"workqueue\"", "retention")]
    [InlineData("deny_delete", "true", "deny_delete")]
    [InlineData("deny_purge", "true", "deny_purge")]
    [InlineData("no_ack", "true", "no_ack")]
    [InlineData("allow_direct", "false", "allow_direct")]
    [InlineData("subjects", "[\"some.thing\"]", "subjects")]
    public async Task A_stream_that_could_lose_or_refuse_what_it_must_keep_is_refused(string setting, string value, string reason)
    {
        var endpoint = fixture.Server.NewEndpoint();
        var options = StoreEndpoint.Parse(endpoint).Nats!;
        await using var connection = new NatsConnection(new NatsOpts { Url = options.Servers[0] });
        var wanted = new ArrayBufferWriter<byte>();
        NatsJSJsonSerializer<StreamConfig>.Default.Serialize(wanted, StreamSetup.Wanted(options));
        var configuration = JsonNode.Parse(wanted.WrittenSpan)!.AsObject();
        configuration[setting] = JsonNode.Parse(value);
        var answer = await connection.RequestAsync<string, string>($"$JS.API.STREAM.CREATE.{options.Stream}", configuration.ToJsonString());
        Assert.DoesNotContain("\"error\"", answer.Data);

        await using var store = new NatsRevisionStore(options);
        var refused = await Assert.ThrowsAsync<StoreRefusedException>(() => store.Open(default));
        Assert.Contains(reason, refused.Message);
        Assert.Contains(options.Stream, refused.Message);
    }

    [Fact]
    public void A_server_that_knows_no_direct_reads_is_named_too_old()
    {
        var options = StoreEndpoint.Parse("nats://h").Nats!;
        var answered = StreamSetup.Wanted(options);
        StreamSetup.Check(options, answered);
        answered.AllowDirect = false;
        Assert.Contains("2.9", Assert.Throws<StoreRefusedException>(() => StreamSetup.Check(options, answered)).Message);
    }

    [Fact]
    public async Task Many_processes_may_create_the_stream_at_once_and_start_says_what_power_loss_does()
    {
        var endpoint = fixture.Server.NewEndpoint();
        IRevisionStore[] stores = [.. Enumerable.Range(0, 8).Select(_ => StoreEndpoint.Parse(endpoint).Create())];
        await Task.WhenAll(stores.Select(store => store.Open(default)));
        foreach (var store in stores)
        {
            Assert.Contains(store.Warnings, warning => warning.Contains("sync_interval", StringComparison.Ordinal));
            Assert.Equal(new Fence(0, Guid.Empty, "", TimeSpan.Zero, 0, 1), await store.ReadFence(default));
            await store.DisposeAsync();
        }
    }

    [Fact]
    public async Task Of_many_processes_that_take_over_an_empty_log_one_wins()
    {
        var endpoint = fixture.Server.NewEndpoint();
        IRevisionStore[] stores = [.. Enumerable.Range(0, 6).Select(_ => StoreEndpoint.Parse(endpoint).Create())];
        await Task.WhenAll(stores.Select(store => store.Open(default)));
        var taken = await Task.WhenAll(stores.Select(async store =>
            await store.TakeOver(await store.ReadFence(default) with { Counter = 0, Epoch = 0 }, Guid.NewGuid(), "x", TimeSpan.FromSeconds(1), default)));
        var winner = Assert.Single(taken, fence => fence is not null)!;
        foreach (var store in stores)
        {
            Assert.Equal(winner, await store.ReadFence(default));
            await store.DisposeAsync();
        }
    }

    [Fact]
    public async Task Start_up_reads_headers_only()
    {
        var monitor = Servers.FreePort.Next();
        await using var server = new Servers.NatsServer($"http: \"127.0.0.1:{monitor}\"");
        await server.Start();
        await using var store = await NatsTestStore.Open(server.NewEndpoint());
        var last = await store.Append(1, 1000, 20_000);
        await store.Reopen();
        var before = await Sent();
        await store.TakeOver();
        Assert.Equal(Enumerable.Range(2, (int)last - 1).Select(revision => (long)revision), await store.ScanRevisions());
        var sent = await Sent() - before;
        Assert.InRange(sent, 30_000, 2_000_000); // the values are 20 MB

        async Task<long> Sent()
        {
            using var client = new HttpClient();
            return JsonNode.Parse(await client.GetStringAsync($"http://127.0.0.1:{monitor}/varz"))!["out_bytes"]!.GetValue<long>();
        }
    }

    [Fact]
    public async Task Another_number_of_replicas_than_asked_for_is_said()
    {
        await using var first = await NatsTestStore.Open(fixture.Server.NewEndpoint());
        await using var second = StoreEndpoint.Parse(first.Endpoint + "&replicas=3").Create();
        await second.Open(default);
        Assert.Contains(second.Warnings, warning => warning.Contains("replicas", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_large_append_goes_in_parts_and_is_whole_after_a_restart()
    {
        await using var store = await NatsTestStore.Open(fixture.Server.NewEndpoint());
        var last = await store.Append(1, 5000, 700, perBatch: 5000);
        Assert.True((await store.State()).LastSeq > 20);
        await store.Reopen();
        await store.AssertHolds([.. Enumerable.Range(2, (int)last - 1)], 700);
        Assert.Equal(last, (await store.Store.ReadFence(default)).LastRevision);
    }

    [Fact]
    public async Task Keys_and_values_larger_than_a_message_or_its_headers_survive()
    {
        await using var store = await NatsTestStore.Open(fixture.Server.NewEndpoint());
        var batch = new AppendBatch { Token = store.Token, ExpectedRevision = 1, LastRevision = 40 };
        var key = NatsTestStore.Value(1, 100_000);
        var value = NatsTestStore.Value(2, 5 << 20);
        batch.Records.Add(new LogRecord(2, 0, NatsTestStore.Key(2), 2, 1, 0, false, NatsTestStore.Value(2, 10)));
        batch.Records.Add(new LogRecord(3, 0, key, 3, 1, 0, false, value));
        for (var i = 4; i < 40; i++)
            batch.Records.Add(new LogRecord(i, 3, key.AsMemory(0, 4000 + i), i, 1, 7, false, value.AsMemory(0, i)));

        await store.Store.Append(batch);
        await store.Reopen();

        var read = await store.ReadAll();
        Assert.Equal(batch.Records.Count, read.Count);
        for (var i = 0; i < read.Count; i++)
        {
            Assert.Equal(batch.Records[i].Id, read[i].Id);
            Assert.True(batch.Records[i].Key.Span.SequenceEqual(read[i].Key.Span), $"key {i}");
            Assert.True(batch.Records[i].Value.Span.SequenceEqual(read[i].Value.Span), $"value {i}");
        }
        var keys = new List<byte[]>();
        await store.Store.ScanMetadata(default, long.MaxValue, 100, (in RecordMetadata _, ReadOnlySpan<byte> scanned) => keys.Add(scanned.ToArray()), default);
        Assert.Equal(batch.Records.Select(record => record.Key.ToArray()), keys);
    }

    [Fact]
    public async Task An_append_whose_last_part_never_came_counts_for_nothing()
    {
        await using var store = await NatsTestStore.Open(fixture.Server.NewEndpoint());
        var last = await store.Append(1, 10, 100);
        var batch = store.Batch(last, 3000, 500);
        batch.Side.Add(new SideRow(SideKind.Meta, [1], [2]));
        var parts = await store.Split(batch);
        Assert.True(parts.Count > 5);
        var before = await store.State();
        for (var i = 0; i < parts.Count - 1; i++)
        {
            var tail = new LogTail(MessageKind.Part, before.LastSeq + (ulong)i + 1, i, store.Mine.Epoch, last, 1, 0);
            await store.Publish(tail, parts[i].Content, parts[i].Payload);
        }

        await store.Reopen();
        await store.AssertHolds([.. Enumerable.Range(2, 10)], 100);
        var seen = await store.Store.ReadFence(default);
        Assert.Equal((last, store.Mine.Holder), (seen.LastRevision, seen.Holder));
        await store.TakeOver();
        Assert.Empty(await store.Store.ReadSide(default));
        await store.Append(last, 10, 100);
        await store.Reopen();
        await store.AssertHolds([.. Enumerable.Range(2, 20)], 100);
    }

    [Fact]
    public async Task The_server_itself_refuses_a_writer_that_does_not_know_of_its_successor()
    {
        await using var old = await NatsTestStore.Open(fixture.Server.NewEndpoint());
        var last = await old.Append(1, 100, 100);
        await using var next = await NatsTestStore.Open(old.Endpoint);

        await Assert.ThrowsAsync<FencedException>(() => old.Store.Append(old.Batch(last, 1, 100)));
        await Assert.ThrowsAsync<FencedException>(() => old.Store.Append(old.Batch(last, 4000, 500)));
        await Assert.ThrowsAsync<FencedException>(() => old.Store.Renew(old.Token, default));
        await Assert.ThrowsAsync<FencedException>(() => old.Store.Delete(new RecordId[] { new(5, 0) }, default));
        await next.Append(last, 100, 100);
        await Assert.ThrowsAsync<FencedException>(() => old.Store.Append(old.Batch(last + 100, 1, 100)));

        await next.AssertHolds([.. Enumerable.Range(2, 200)], 100);
        await old.AssertHolds([.. Enumerable.Range(2, 200)], 100);
    }

    [Fact]
    public async Task Parts_of_a_refused_writer_that_land_behind_its_successor_count_for_nothing()
    {
        await using var store = await NatsTestStore.Open(fixture.Server.NewEndpoint());
        var last = await store.Append(1, 10, 100);
        var parts = await store.Split(store.Batch(last, 3000, 500));
        var before = await store.State();
        await using var next = await NatsTestStore.Open(store.Endpoint);

        // Its first part was refused; the second one, on its way already, names just the sequence that the take-over has.
        var tail = new LogTail(MessageKind.Part, before.LastSeq + 2, 1, store.Mine.Epoch, last, 1, 0);
        await store.Publish(tail, parts[1].Content, parts[1].Payload);

        Assert.Equal(next.Mine.Holder, (await store.Store.ReadFence(default)).Holder);
        await next.Append(last, 10, 100);
        await next.Reopen();
        await next.AssertHolds([.. Enumerable.Range(2, 20)], 100);
    }

    [Fact]
    public async Task A_follower_reads_what_the_holder_writes_deletes_and_moves()
    {
        await using var holder = await NatsTestStore.Open(fixture.Server.NewEndpoint());
        await using var follower = await NatsTestStore.Open(holder.Endpoint, takeOver: false);
        long last = 1;
        List<long> alive = [];
        for (var round = 0; round < 5; round++)
        {
            var from = last + 1;
            last = await holder.Append(last, 300, 900, perBatch: 50);
            alive.AddRange(Enumerable.Range((int)from, 300).Select(revision => (long)revision));
            await follower.AssertHolds(alive, 900);
            var dead = alive.FindAll(revision => revision % 5 != round);
            alive.RemoveAll(dead.Contains);
            await holder.Store.Delete(dead.Select(revision => new RecordId(revision, 0)).ToArray(), default);
            if (round % 2 == 0)
                await holder.Store.Defragment(default);

            await follower.AssertHolds(alive, 900);
        }
        await holder.AssertHolds(alive, 900);
    }

    [Fact]
    public async Task Renewals_do_not_pile_up()
    {
        await using var store = await NatsTestStore.Open(fixture.Server.NewEndpoint());
        for (var i = 0; i < 1200; i++)
            await store.Store.Renew(store.Token, default);

        Assert.InRange((await store.State()).Messages, 1, 600);
        Assert.Equal(store.Mine.Counter + 1200, (await store.Store.ReadFence(default)).Counter);
        await store.Reopen();
        Assert.Equal(store.Mine.Counter + 1200, (await store.Store.ReadFence(default)).Counter);
        await store.TakeOver();
        await store.Append(1, 1, 10);
    }

    [Fact]
    public async Task A_full_stream_refuses_for_now_and_takes_writes_again_when_there_is_room()
    {
        await using var store = await NatsTestStore.Open(fixture.Server.NewEndpoint());
        var last = await store.Append(1, 10, 1000);
        await Limit(20_000);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.Append(last, 100, 1000));
        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.Append(last, 2000, 1000, perBatch: 2000));
        await Limit(-1);
        await store.Append(last, 100, 1000);
        await store.AssertHolds([.. Enumerable.Range(2, 110)], 1000);

        async Task Limit(long bytes)
        {
            var configuration = StreamSetup.Wanted(store.Options);
            configuration.MaxBytes = bytes;
            await store.JetStream.UpdateStreamAsync(configuration);
        }
    }
}
