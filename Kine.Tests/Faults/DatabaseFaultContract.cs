using System.Diagnostics;
using Google.Protobuf;
using Kine.Etcd;
using Kine.Host.Client;
using Kine.Tests.Servers;
using Kine.Tests.Wire;
using Xunit.Abstractions;

namespace Kine.Tests.Faults;

/// <summary>What goes wrong between a server and its database.</summary>
public abstract class DatabaseFaultContract(DatabaseServer database, ITestOutputHelper output)
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private static readonly ByteString Everything = ByteString.CopyFrom(0);

    [Fact]
    public async Task Lost_answers_cuts_and_a_killed_database_lose_nothing_write_nothing_twice_and_need_no_restart()
    {
        await using var proxy = new FaultProxy(database.Port);
        await using var server = await KineServer.StartOn(database.NewEndpoint(proxy.Port));
        using var channel = new EtcdChannel(server.Address);
        using var stop = new CancellationTokenSource();
        var load = new WriteLoad(server.Address);
        using var watch = await channel.Watch(new WatchCreateRequest { Key = Everything, RangeEnd = Everything, StartRevision = 2 }, default);
        var writing = load.RunThroughErrors(stop.Token);
        var lost = 0;
        for (var round = 0; round < 4; round++)
        {
            await Progress(load);
            proxy.LosingAnswers = true;
            await Until(() => proxy.AnswersLost > lost);
            lost = proxy.AnswersLost;
            proxy.LosingAnswers = false;
            await Progress(load);
            proxy.CutAll();
            await Progress(load);
            proxy.Refusing = true;
            proxy.CutAll();
            await Task.Delay(TimeSpan.FromSeconds(0.5 * round)); // for longer than its lease in the end
            proxy.Refusing = false;
        }
        await Progress(load);
        await database.Kill();
        await Task.Delay(TimeSpan.FromSeconds(1));
        await database.Start();
        await Progress(load);
        await stop.CancelAsync();
        await writing.WaitAsync(Patience);
        var current = (await channel.HashKV()).Header.Revision;
        var history = await History.Read(channel, 2, current);
        load.AssertHolds(history, 2);
        await AssertToldAll(watch, history);
        Assert.False(server.HasEnded);
        output.WriteLine($"{lost} lost answers, {load.Acknowledged.Count} acknowledged writes, {history.Count} revisions");
    }

    [Fact]
    public async Task Writes_after_an_idle_connection_was_closed_are_sent_on_a_new_one()
    {
        await using var proxy = new FaultProxy(database.Port);
        await using var server = await KineServer.StartOn(database.NewEndpoint(proxy.Port));
        using var channel = new EtcdChannel(server.Address);
        for (var round = 0; round < 5; round++)
        {
            await channel.Put("/k", "before");
            proxy.CutAll();
            await Task.WhenAll(Enumerable.Range(0, 20).Select(i => channel.Put($"/k/{round}/{i}", "v")));
        }

        Assert.Equal(106, (await channel.Range(new RangeRequest { Key = Everything, RangeEnd = Everything })).Header.Revision);
    }

    [Fact]
    public async Task While_the_database_is_away_cached_reads_and_watches_go_on_and_writes_are_answered()
    {
        await using var proxy = new FaultProxy(database.Port);
        await using var server = await KineServer.StartOn(database.NewEndpoint(proxy.Port));
        using var channel = new EtcdChannel(server.Address);
        await channel.Put("/k", "before");
        using var watch = await channel.Watch(new WatchCreateRequest { Key = ByteString.CopyFromUtf8("/k"), StartRevision = 2 }, default);
        proxy.Refusing = true;
        proxy.CutAll();
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        var error = await Assert.ThrowsAsync<RpcException>(() => channel.Put("/k", "unheard", cancellation: limit.Token));
        Assert.Equal(StatusCode.Unavailable, error.StatusCode);
        var read = await channel.Range(new RangeRequest { Key = ByteString.CopyFromUtf8("/k"), Serializable = true }, limit.Token);
        Assert.Equal("before", Assert.Single(read.Kvs).Value.ToStringUtf8());
        await Task.Delay(TimeSpan.FromSeconds(2)); // longer than its lease: nothing proves a linearizable read now
        error = await Assert.ThrowsAsync<RpcException>(() => channel.Get("/k", limit.Token));
        Assert.Equal(StatusCode.Unavailable, error.StatusCode);
        proxy.Refusing = false;
        await Retried(() => channel.Put("/k", "after"));
        Assert.Equal("after", (await channel.Get("/k"))!.Value.ToStringUtf8());
        var told = new List<string>();
        while (!told.Contains("after"))
            told.AddRange((await watch.Read(limit.Token))!.Events.Select(change => change.Kv.Value.ToStringUtf8()));

        Assert.Equal("before", told[0]);
        Assert.False(server.HasEnded);
    }

    private static async Task Progress(WriteLoad load)
    {
        var before = load.Acknowledged.Count;
        await Until(() => load.Acknowledged.Count > before + 50);
    }

    private static async Task Until(Func<bool> done)
    {
        var clock = Stopwatch.StartNew();
        while (!done())
        {
            Assert.True(clock.Elapsed < Patience, "nothing goes on");
            await Task.Delay(5);
        }
    }

    private static async Task<T> Retried<T>(Func<Task<T>> call)
    {
        var clock = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                return await call();
            }
            catch (RpcException error) when (error.StatusCode == StatusCode.Unavailable && clock.Elapsed < Patience)
            {
                await Task.Delay(50);
            }
        }
    }

    private static async Task AssertToldAll(WatchCall watch, List<Event[]> history)
    {
        using var limit = new CancellationTokenSource(Patience);
        var due = history.SelectMany(revision => revision).GetEnumerator();
        var left = history.Sum(revision => revision.Length);
        while (left > 0)
        {
            var reply = await watch.Read(limit.Token) ?? throw new InvalidOperationException("the watch was ended");
            Assert.False(reply.Canceled, "the watch was canceled");
            foreach (var change in reply.Events)
            {
                Assert.True(due.MoveNext());
                Assert.Equal(due.Current, change);
                left--;
            }
        }
    }
}
