using Google.Protobuf;
using Kine.Backends;
using Kine.Backends.Memory;
using Kine.Etcd;
using Kine.Grains;
using Kine.Tests.Watch;

namespace Kine.Tests.Silos;

/// <summary>Several silos, the writer on the first: what goes through the last, which the tests call the second, is as if it had gone through the first.</summary>
public abstract class SiloContract(int silos) : IAsyncLifetime
{
    private static readonly string[] Prefixes = [.. Enumerable.Range(0, 12).Select(i => $"/registry/kind{i}/")];

    // No cache, so that reads show where they are answered by reading values from the store.
    private static readonly WriterOptions Options = new() { CacheBytes = 0, MinimumLeaseTtl = 1 };

    private readonly MemoryRevisionStore _store = new();
    private readonly List<Silo> _silos = [];
    private Silo _first = null!;
    private Silo _second = null!;

    public async Task InitializeAsync()
    {
        for (var i = 0; i < silos; i++)
            _silos.Add(await Silo.Start(_store, Options, _silos.FirstOrDefault()));

        _first = _silos[0];
        _second = _silos[^1];
    }

    public async Task DisposeAsync()
    {
        foreach (var silo in Enumerable.Reverse(_silos))
            await silo.DisposeAsync();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Every_read_through_either_silo_sees_every_write_through_the_other(int seed)
    {
        var random = Draw.From(seed);
        for (var i = 0; i < 600; i++)
        {
            var writing = random.Next(2) == 0 ? _first : _second;
            var revision = await Change(writing, random, $"{i}");
            if (random.Next(40) == 0)
            {
                await (random.Next(2) == 0 ? _first : _second).Api.Compact(
                    new CompactionRequest { Revision = revision - random.Next(3), Physical = random.Next(2) == 0 }, CancellationToken.None);
            }

            var request = Question(random, revision);
            var here = await Answer(_first, request);
            Assert.Equal(here, await Answer(_second, request));
        }

        Assert.True(_first.Store.Appends > 0);
        Assert.Equal(0, _silos.Skip(1).Sum(silo => silo.Store.Appends));
        Assert.True(_silos.Skip(1).Sum(silo => silo.Store.ValueReads) > 0, "no prefix was read in another silo than the writer's");
    }

    [Fact]
    public async Task Reads_under_load_and_compaction_see_every_write_that_was_answered_before_them()
    {
        var done = false;
        var compacting = Task.Run(async () =>
        {
            long compacted = 0;
            while (!Volatile.Read(ref done))
            {
                // Right at the present: whatever a follower reads may be gone already.
                var revision = _first.Api.Header().Revision;
                if (revision > compacted)
                {
                    await _first.Api.Compact(new CompactionRequest { Revision = revision, Physical = true }, CancellationToken.None);
                    compacted = revision;
                }

                await Task.Delay(1);
            }
        });
        await Task.WhenAll(Enumerable.Range(0, 8).Select(worker => Task.Run(async () =>
        {
            var writing = worker % 2 == 0 ? _first : _second;
            var reading = worker % 4 < 2 ? _second : _first;
            var key = $"/registry/kind{worker % 4}/worker{worker}";
            for (var i = 0; i < 150; i++)
            {
                var revision = (await writing.Put(key, $"{i}")).Header.Revision;
                var one = await reading.Range(new RangeRequest { Key = Key(key) });
                Assert.Equal((revision, $"{i}"), (Assert.Single(one.Kvs).ModRevision, one.Kvs[0].Value.ToStringUtf8()));
                var list = await reading.Range(new RangeRequest { Key = Key($"/registry/kind{worker % 4}/"), RangeEnd = Key($"/registry/kind{worker % 4}0") });
                Assert.Equal($"{i}", list.Kvs.Single(pair => pair.Key == Key(key)).Value.ToStringUtf8());
                Assert.True(list.Header.Revision >= revision && list.Kvs.Count == list.Count);
            }
        })));
        Volatile.Write(ref done, true);
        await compacting;
    }

    [Fact]
    public async Task A_transactions_long_ranges_come_whole_through_both_silos_or_are_refused()
    {
        for (var i = 0; i < 100; i++)
            await _first.Put($"/registry/kind1/{i:000}", new string('v', 100_000));

        var prefix = new RequestOp { RequestRange = new RangeRequest { Key = Key("/registry/kind1/"), RangeEnd = Key("/registry/kind10") } };
        var some = prefix.Clone();
        some.RequestRange.Limit = 90;
        foreach (var silo in new[] { _first, _second })
        {
            using var reply = await silo.Api.Txn(new TxnRequest { Success = { prefix, some } }, CancellationToken.None);
            Assert.Equal([(100, false), (100, true)], reply.Response.Responses.Select(response => (response.ResponseRange.Count, response.ResponseRange.More)));
            Assert.Equal(190, reply.Response.Responses.Sum(response => response.ResponseRange.Kvs.Count) + reply.Late.Sum(late => late.Range!.Pairs));
            try
            {
                using var large = await silo.Api.Txn(new TxnRequest { Success = { Enumerable.Repeat(prefix, 10) } }, CancellationToken.None);
                Assert.Equal(1_000, large.Late.Sum(late => late.Range!.Pairs));
            }
            catch (EtcdException error)
            {
                Assert.Equal(StatusCode.ResourceExhausted, error.Code);
            }
        }
    }

    [Fact]
    public async Task Concurrent_creates_of_one_key_through_both_silos_have_one_winner()
    {
        var replies = await Task.WhenAll(Enumerable.Range(0, 60).Select(i => (i % 2 == 0 ? _first : _second).Api.Txn(
            new TxnRequest
            {
                Compare = { new Compare { Key = Key("/registry/kind1/k"), Target = Compare.Types.CompareTarget.Mod, ModRevision = 0 } },
                Success = { new RequestOp { RequestPut = new PutRequest { Key = Key("/registry/kind1/k"), Value = Key($"{i}") } } },
                Failure = { new RequestOp { RequestRange = new RangeRequest { Key = Key("/registry/kind1/k") } } },
            },
            CancellationToken.None)));
        Assert.Single(replies, reply => reply.Response.Succeeded);
    }

    [Fact]
    public async Task A_list_longer_than_a_message_comes_whole()
    {
        string value = new('v', 600);
        await Task.WhenAll(Enumerable.Range(0, 20_000).Select(i => _first.Put($"/registry/kind1/{i:d6}", value)));
        foreach (var end in new[] { "/registry/kind10", "/registry/z" })
        {
            var request = new RangeRequest { Key = Key("/registry/kind1/"), RangeEnd = Key(end) };
            var whole = await _second.Range(request);
            Assert.Equal(20_000, whole.Kvs.Count);
            Assert.Equal(await _first.Range(request), whole);
            request.Limit = 15_000;
            Assert.Equal(await _first.Range(request), await _second.Range(request));
        }
    }

    [Fact]
    public async Task A_watch_through_the_second_silo_gets_every_event_once_and_in_order()
    {
        await using var live = new TestStream(_second.Api.Watches);
        await live.Watch("/registry/", "/registry0", more: create => create.PrevKv = true);
        await using var reference = new TestStream(_first.Api.Watches);
        await reference.Watch("/registry/", "/registry0", more: create => create.PrevKv = true);
        long last = 0;
        for (var i = 0; i < 60; i++)
        {
            await Task.WhenAll(Enumerable.Range(0, 10).Select(k => (k % 2 == 0 ? _first : _second).Put($"/registry/kind{k}/a", $"{i}")));
            last = (await _second.Put("/registry/kind0/b", $"{i}")).Header.Revision;
        }

        var count = 660;
        var expected = await reference.Events(count);
        Assert.Equal(expected, await live.Events(count));
        await using var past = new TestStream(_second.Api.Watches);
        await past.Watch("/registry/", "/registry0", 2);
        Assert.Equal(expected, await past.Events(count));
        await live.AskProgress();
        Assert.True((await live.Next()).Header.Revision >= last);
    }

    [Fact]
    public async Task A_watch_from_below_the_mark_is_cancelled_as_compacted()
    {
        for (var i = 0; i < 10; i++)
            await _second.Put("/registry/kind1/a", $"{i}");

        await _second.Api.Compact(new CompactionRequest { Revision = 8, Physical = true }, CancellationToken.None);
        await using var stream = new TestStream(_second.Api.Watches);
        await stream.Watch("/registry/kind1/a", start: 3);
        var cancelled = await stream.Next();
        Assert.Equal((true, 8L), (cancelled.Canceled, cancelled.CompactRevision));
        foreach (var serializable in new[] { false, true })
        {
            var error = await Assert.ThrowsAsync<EtcdException>(
                () => _second.Range(new RangeRequest { Key = Key("/registry/kind1/a"), Revision = 3, Serializable = serializable }));
            Assert.Equal((StatusCode.OutOfRange, EtcdErrors.CompactedText), (error.Code, error.Message));
        }
    }

    [Fact]
    public async Task A_serializable_read_is_not_older_than_what_the_silo_has_told()
    {
        for (var i = 0; i < 50; i++)
        {
            var revision = (await _second.Put($"/registry/kind{i % 7}/a", $"{i}")).Header.Revision;
            var read = await _second.Range(new RangeRequest { Key = Key($"/registry/kind{i % 5}/a"), Serializable = true });
            Assert.True(read.Header.Revision >= revision && _second.Api.Header().Revision >= revision);
        }
    }

    [Fact]
    public async Task Leases_live_and_end_through_the_second_silo()
    {
        for (long id = 1; id <= 8; id++)
        {
            await _second.Api.LeaseGrant(new LeaseGrantRequest { ID = id, TTL = id <= 4 ? 1 : 1000 }, CancellationToken.None);
            await _second.Put($"/registry/kind{id}/leased", "v", id);
        }

        await using var stream = new TestStream(_second.Api.Watches);
        await stream.Watch("/registry/", "/registry0");
        for (long id = 5; id <= 8; id++)
        {
            var kept = await _second.Api.LeaseKeepAlive(new LeaseKeepAliveRequest { ID = id }, CancellationToken.None);
            Assert.Equal(1000, kept.TTL);
            var left = await _second.Api.LeaseTimeToLive(
                new LeaseTimeToLiveRequest { ID = id, Keys = true }, CancellationToken.None);
            Assert.InRange(left.TTL, 900, 1000);
            Assert.Equal($"/registry/kind{id}/leased", Assert.Single(left.Keys).ToStringUtf8());
        }

        var expired = await stream.Events(4);
        Assert.Equal(Enumerable.Range(1, 4).Select(id => $"-/registry/kind{id}/leased"), expired.Select(text => text.Split(' ')[1]).Order());
        Assert.Equal(4, (await _second.Api.LeaseLeases(new LeaseLeasesRequest(), CancellationToken.None)).Leases.Count);
        await _second.Api.LeaseRevoke(new LeaseRevokeRequest { ID = 8 }, CancellationToken.None);
        Assert.Equal(0, (await _second.Range(new RangeRequest { Key = Key("/registry/kind8/leased") })).Count);
        var error = await Assert.ThrowsAsync<EtcdException>(
            () => _second.Api.LeaseRevoke(new LeaseRevokeRequest { ID = 8 }, CancellationToken.None));
        Assert.Equal((StatusCode.NotFound, EtcdErrors.LeaseNotFound.Message), (error.Code, error.Message));
    }

    [Fact]
    public async Task The_writer_goes_on_when_the_other_silo_stops()
    {
        await _second.Put("/registry/kind1/a", "1");
        await _second.Stop();
        Assert.Equal(3, (await _first.Put("/registry/kind1/a", "2")).Header.Revision);
        Assert.Equal("2", (await _first.Range(new RangeRequest { Key = Key("/registry/kind1/a") })).Kvs[0].Value.ToStringUtf8());
    }

    [Fact]
    public async Task The_writer_moves_and_watches_and_reads_go_on_without_a_gap()
    {
        await using var far = new TestStream(_second.Api.Watches);
        await using var near = new TestStream(_first.Api.Watches);
        await far.Watch("/registry/", "/registry0");
        await near.Watch("/registry/", "/registry0");
        await _second.Put("/registry/kind1/a", "before");

        // Somebody else takes the store: the writer in the first silo finds out with its next append.
        var seen = await _store.ReadFence(CancellationToken.None);
        Assert.NotNull(await _store.TakeOver(seen, Guid.NewGuid(), "elsewhere", TimeSpan.FromSeconds(3), CancellationToken.None));
        var error = await Assert.ThrowsAsync<EtcdException>(() => _second.Put("/registry/kind1/a", "lost"));
        Assert.Equal(StatusCode.Unavailable, error.Code);

        await PutSoon(_second, "after");
        Assert.Equal("after", (await _first.Range(new RangeRequest { Key = Key("/registry/kind1/a") })).Kvs[0].Value.ToStringUtf8());
        await PutSoon(_first, "last");
        foreach (var stream in new[] { far, near })
        {
            var events = await stream.Events(3);
            Assert.Equal(["2 /registry/kind1/a=before", "3 /registry/kind1/a=after", "4 /registry/kind1/a=last"], events);
        }

        // Where it moved to: when that silo stops, the other one has the writer.
        if (_second.Store.Appends > 0)
        {
            await _second.Stop();
            await PutSoon(_first, "alone");
            Assert.Equal(["5 /registry/kind1/a=alone"], await near.Events(1));
        }
    }

    private static ByteString Key(string text) => ByteString.CopyFromUtf8(text);

    private static async Task PutSoon(Silo silo, string value)
    {
        var until = DateTime.UtcNow.AddSeconds(40);
        while (true)
        {
            try
            {
                await silo.Put("/registry/kind1/a", value);
                return;
            }
            catch (EtcdException error) when (error.Code == StatusCode.Unavailable && DateTime.UtcNow < until)
            {
                await Task.Delay(100);
            }
        }
    }

    private static async Task<long> Change(Silo silo, Random random, string value)
    {
        var prefix = Prefixes[random.Next(Prefixes.Length)];
        var key = $"{prefix}k{random.Next(9)}";
        switch (random.Next(6))
        {
            case 0:
                return (await silo.Api.DeleteRange(new DeleteRangeRequest { Key = Key(key) }, CancellationToken.None)).Header.Revision;
            case 1:
                var txn = new TxnRequest
                {
                    Compare = { new Compare { Key = Key(key), Target = Compare.Types.CompareTarget.Create, Result = Compare.Types.CompareResult.Greater } },
                    Success = { new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = Key(key), PrevKv = true } } },
                    Failure = { new RequestOp { RequestPut = new PutRequest { Key = Key(key), Value = Key(value) } } },
                };
                return (await silo.Api.Txn(txn, CancellationToken.None)).Response.Header.Revision;
            default:
                return (await silo.Put(key, value)).Header.Revision;
        }
    }

    private static RangeRequest Question(Random random, long revision)
    {
        var prefix = Prefixes[random.Next(Prefixes.Length)];
        var end = random.Next(4) switch { 0 => "", 1 => "/registry0", _ => $"{prefix[..^1]}0" };
        return new RangeRequest
        {
            Key = Key(random.Next(2) == 0 ? prefix : $"{prefix}k{random.Next(9)}"),
            RangeEnd = Key(end),
            Revision = random.Next(3) == 0 ? Math.Max(0, revision - random.Next(20)) : 0,
            Limit = random.Next(3) == 0 ? random.Next(1, 9) : 0,
            CountOnly = random.Next(6) == 0,
            KeysOnly = random.Next(6) == 0,
        };
    }

    private static async Task<string> Answer(Silo silo, RangeRequest request)
    {
        try
        {
            return $"{request} -> {await silo.Range(request)}";
        }
        catch (EtcdException error)
        {
            return $"{request} -> {error.Code} {error.Message}";
        }
    }
}
