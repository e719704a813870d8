using System.Collections.Concurrent;
using Google.Protobuf;
using Kine.Backends;
using Kine.Backends.Memory;
using Kine.Etcd;
using Kine.Grains;
using Kine.Grains.Cluster;

namespace Kine.Tests.Silos;

/// <summary>Silos on a store whose fence decides who writes: what happens to those without the writer when the writer is lost.</summary>
public sealed class SiloFencingTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3); // the cluster takes its time to call a silo dead

    private static readonly WriterOptions Options = new() { LeaseTime = TimeSpan.FromSeconds(3), RequestTimeout = TimeSpan.FromSeconds(1) };

    private readonly MemoryRevisionStore _log = new();

    [Fact]
    public async Task While_another_process_has_the_store_every_call_through_either_silo_says_no_leader()
    {
        var elsewhere = await HoldElsewhere();
        await using var first = await FencedSilo.Start(_log, Options);
        await using var second = await FencedSilo.Start(_log, Options, first);
        var errors = new ConcurrentQueue<(int, StatusCode, string)>();
        await Task.WhenAll(Enumerable.Range(0, 200).Select(i => Task.Run(async () =>
        {
            var api = (i % 2 == 0 ? first : second).Silo.Api;
            var error = await Assert.ThrowsAsync<EtcdException>(() => Call(api, i / 2));
            errors.Enqueue((i / 2 % 8, error.Code, error.Message));
        })));
        Assert.All(errors, error => Assert.Equal((StatusCode.Unavailable, EtcdErrors.NoLeader.Message), (error.Item2, error.Item3)));
        await _log.Release(elsewhere, default);
        await Eventually(() => first.Silo.Put("/registry/kind1/a", "1"));
        await Eventually(() => second.Silo.Put("/registry/kind1/a", "2"));
    }

    [Fact]
    public async Task A_writer_that_is_refused_because_another_process_has_the_store_is_no_error_in_the_log()
    {
        await HoldElsewhere();
        await using var standby = await FencedSilo.Start(_log, Options);
        for (var i = 0; i < 5; i++)
            await Assert.ThrowsAsync<EtcdException>(() => standby.Silo.Put("/registry/kind1/a", "1"));

        Assert.DoesNotContain(standby.Silo.Logged.Errors, error => error is not null);
    }

    [Fact]
    public async Task A_prefix_in_the_writers_silo_is_not_read_from_memory_when_the_writer_has_no_proof()
    {
        await using var first = await FencedSilo.Start(_log, Options);
        await using var second = await FencedSilo.Start(_log, Options, first);
        RangeRequest[] questions = [.. Enumerable.Range(0, 12).Select(i => new RangeRequest { Key = Key($"/registry/kind{i}/a") })];
        foreach (var question in questions)
        {
            await second.Silo.Put(question.Key.ToStringUtf8(), "1");
            Assert.Equal("1", Assert.Single((await second.Silo.Range(question)).Kvs).Value.ToStringUtf8());
        }

        first.Connection.Cut = true;
        await Task.Delay(Options.LeaseTime);
        foreach (var question in questions)
        {
            await AssertTimesOut(() => second.Silo.Range(question));
            var stale = new RangeRequest(question) { Serializable = true };
            Assert.Equal("1", Assert.Single((await second.Silo.Range(stale)).Kvs).Value.ToStringUtf8());
        }

        first.Connection.Cut = false;
        Assert.Equal("1", Assert.Single((await Eventually(() => second.Silo.Range(questions[0]))).Kvs).Value.ToStringUtf8());
    }

    [Fact]
    public async Task A_store_that_is_away_is_told_through_the_other_silo_as_a_request_that_timed_out()
    {
        var noCache = Options with { CacheBytes = 0 };
        await using var first = await FencedSilo.Start(_log, noCache);
        await using var second = await FencedSilo.Start(_log, noCache, first);
        for (var i = 0; i < 12; i++)
        {
            await second.Silo.Put($"/registry/kind{i}/a", "1");
            await second.Silo.Range(new RangeRequest { Key = Key($"/registry/kind{i}/a") });
        }

        first.Connection.Cut = second.Connection.Cut = true;
        for (var i = 0; i < 12; i++)
        {
            var one = new RangeRequest { Key = Key($"/registry/kind{i}/a"), Serializable = i % 2 == 0 };
            await AssertTimesOut(() => second.Silo.Range(one));
        }

        await AssertTimesOut(() => second.Silo.Range(new RangeRequest { Key = Key("/registry/"), RangeEnd = Key("/registry0") }));
        await AssertTimesOut(() => second.Silo.Api.Hash(new HashRequest(), default));
        Assert.Equal(13, (await second.Silo.Api.Status(new StatusRequest(), default)).Header.Revision); // answered while the store is away
        await AssertTimesOut(() => second.Silo.Api.Defragment(new DefragmentRequest(), default));
        await AssertTimesOut(() => second.Silo.Put("/registry/kind1/a", "2"));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public async Task When_the_writers_silo_is_killed_the_others_go_on_by_themselves_and_nothing_that_was_answered_is_lost(int silos)
    {
        // Membership is kept in the first silo, so that the writer goes to the second, which can be killed.
        var elsewhere = await HoldElsewhere();
        await using var first = await FencedSilo.Start(_log, Options);
        await using var second = await FencedSilo.Start(_log, Options, first);
        await using var third = silos > 2 ? await FencedSilo.Start(_log, Options, first) : null;
        FencedSilo[] others = third is null ? [first] : [first, third];
        Cut(others, true);
        await _log.Release(elsewhere, default);
        await Eventually(() => second.Silo.Put("/registry/kind0/first", "v"));
        Cut(others, false);

        var answered = new ConcurrentDictionary<string, long>();
        using var enough = new CancellationTokenSource();
        Task[] writers = [.. Enumerable.Range(0, 4).Select(worker => Write(others[worker % others.Length].Silo, worker, answered, enough.Token))];
        using var seenAll = new CancellationTokenSource();
        var events = new EventLog();
        var watching = events.Follow(first.Silo, "/registry/", "/registry0", 2, seenAll.Token);
        await Until(() => answered.Count > 200);
        Assert.Equal(0, Appends(others));

        second.Kill();
        await Until(() => Appends(others) > 100);
        await enough.CancelAsync();
        await Task.WhenAll(writers).WaitAsync(Patience);
        await AssertTimesOut(() => second.Silo.Range(new RangeRequest { Key = Key("/registry/kind0/first") }));

        var all = await first.Silo.Range(new RangeRequest { Key = Key("/registry/"), RangeEnd = Key("/registry0") });
        var kept = all.Kvs.ToDictionary(pair => pair.Key.ToStringUtf8(), pair => pair.ModRevision);
        Assert.All(answered, answer => Assert.Equal(answer.Value, kept.GetValueOrDefault(answer.Key)));
        await Until(() => events.Last >= all.Kvs.Max(pair => pair.ModRevision));
        await seenAll.CancelAsync();
        await watching.WaitAsync(Patience);
        Assert.Equal(all.Kvs.OrderBy(pair => pair.ModRevision).Select(pair => $"{pair.ModRevision} {pair.Key.ToStringUtf8()}={pair.Value.ToStringUtf8()}"), events.All);
        Assert.All(others, silo => Assert.Empty(silo.Fatal));
    }

    [Fact]
    public async Task Leases_expire_although_the_silo_that_ran_their_clocks_is_killed()
    {
        // The clocks go to the second silo, because it asks for them first, and the writer to the first.
        var elsewhere = await HoldElsewhere();
        await using var first = await FencedSilo.Start(_log, Options);
        await using var second = await FencedSilo.Start(_log, Options, first);
        long[] leases = [.. Enumerable.Range(1, 32)];
        foreach (var lease in leases)
            await Assert.ThrowsAsync<EtcdException>(() => second.Silo.Api.LeaseKeepAlive(new LeaseKeepAliveRequest { ID = lease }, default));

        second.Connection.Cut = true;
        await _log.Release(elsewhere, default);
        await Eventually(() => first.Silo.Put("/registry/kind0/first", "v"));
        second.Connection.Cut = false;
        foreach (var lease in leases)
            await Eventually(() => first.Silo.Api.LeaseGrant(new LeaseGrantRequest { ID = lease, TTL = 8 }, default));

        second.Kill();
        var answer = await Eventually(() => first.Silo.Api.LeaseLeases(new LeaseLeasesRequest(), default));
        Assert.NotEmpty(answer.Leases);
        var deadline = DateTime.UtcNow + Patience;
        while ((await Eventually(() => first.Silo.Api.LeaseLeases(new LeaseLeasesRequest(), default))).Leases.Count > 0)
        {
            Assert.True(DateTime.UtcNow < deadline, "the leases never expired");
            await Task.Delay(100);
        }
    }

    private static void Cut(FencedSilo[] silos, bool cut)
    {
        foreach (var silo in silos)
            silo.Connection.Cut = cut;
    }

    private static int Appends(FencedSilo[] silos) => silos.Sum(silo => silo.Silo.Store.Appends);

    private static ByteString Key(string text) => ByteString.CopyFromUtf8(text);

    private static Task Call(IEtcdApi api, int i) => (i % 8) switch
    {
        0 => api.Put(new PutRequest { Key = Key("/registry/kind1/a") }, default),
        1 => api.Range(new RangeRequest { Key = Key($"/registry/kind{i}/a") }, default).AsTask(),
        2 => api.Range(new RangeRequest { Key = Key("/"), RangeEnd = Key("0") }, default).AsTask(),
        3 => api.Txn(new TxnRequest(), default),
        4 => api.LeaseGrant(new LeaseGrantRequest { TTL = 10 }, default),
        5 => api.LeaseKeepAlive(new LeaseKeepAliveRequest { ID = i }, default),
        6 => api.LeaseTimeToLive(new LeaseTimeToLiveRequest { ID = i }, default),
        _ => api.Status(new StatusRequest(), default),
    };

    private static async Task Write(Silo silo, int worker, ConcurrentDictionary<string, long> answered, CancellationToken enough)
    {
        for (var i = 0; !enough.IsCancellationRequested; i++)
        {
            var key = $"/registry/kind{worker}/k{i}";
            try
            {
                answered[key] = (await silo.Put(key, $"{i}")).Header.Revision;
                await Task.Delay(1, CancellationToken.None);
            }
            catch (EtcdException error) when (error.Code == StatusCode.Unavailable)
            {
                await Task.Delay(50, CancellationToken.None);
            }
        }
    }

    private static async Task AssertTimesOut(Func<Task> call)
    {
        var error = await Assert.ThrowsAnyAsync<Exception>(call);
        if (error is not StoreUnavailableException) // the front end logs why, and answers the same
        {
            Assert.Equal((StatusCode.Unavailable, EtcdErrors.TimedOut.Message), error is EtcdException etcd ? (etcd.Code, etcd.Message) : default);
        }
    }

    private static async Task<T> Eventually<T>(Func<Task<T>> call)
    {
        var deadline = DateTime.UtcNow + Patience;
        while (true)
        {
            try
            {
                return await call();
            }
            catch (EtcdException error) when (error.Code == StatusCode.Unavailable && DateTime.UtcNow < deadline)
            {
                await Task.Delay(50);
            }
        }
    }

    private static async Task Until(Func<bool> condition)
    {
        var deadline = DateTime.UtcNow + Patience;
        while (!condition())
        {
            Assert.True(DateTime.UtcNow < deadline, "it never came to that");
            await Task.Delay(20);
        }
    }

    private async Task<FenceToken> HoldElsewhere()
    {
        var held = (await _log.TakeOver(await _log.ReadFence(default), Guid.NewGuid(), "elsewhere", TimeSpan.FromHours(1), default))!;
        return new FenceToken(held.Epoch, held.Holder);
    }
}
