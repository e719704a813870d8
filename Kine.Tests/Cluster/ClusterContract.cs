using System.Diagnostics;
using Google.Protobuf;
using Kine.Etcd;
using Kine.Host.Client;
using Kine.Tests.Faults;
using Kine.Tests.Servers;
using Kine.Tests.Wire;
using Xunit.Abstractions;

namespace Kine.Tests.Cluster;

/// <summary>Three processes on one database are one server, whichever of them a client asks and whichever of them ends.</summary>
public abstract class ClusterContract(DatabaseServer database, ITestOutputHelper output)
{
    private const int SigCont = 18;
    private const int SigTerm = 15;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private static readonly ByteString Everything = ByteString.CopyFrom(0);

    [Fact]
    public async Task Each_process_serves_everything_and_tells_of_the_others()
    {
        await using var cluster = await ThreeProcesses.Start(database.NewEndpoint());
        var channels = cluster.Members.Select(member => new EtcdChannel(member.Address)).ToArray();
        var leaders = new List<(ulong Leader, ulong Term, ulong Member)>();
        for (var i = 0; i < 3; i++)
        {
            using var watch = await channels[(i + 1) % 3].Watch(new WatchCreateRequest { Key = ByteString.CopyFromUtf8($"/registry/a/{i}") });
            await channels[i].Put($"/registry/a/{i}", $"{i}");
            foreach (var channel in channels)
            {
                Assert.Equal($"{i}", (await channel.Get($"/registry/a/{i}"))!.Value.ToStringUtf8());
                Assert.Equal(i + 1, (await channel.Range(new RangeRequest { Key = Everything, RangeEnd = Everything })).Count);
            }

            Assert.Equal($"{i}", Assert.Single((await watch.Read())!.Events).Kv.Value.ToStringUtf8());
            var members = await channels[i].MemberList();
            Assert.Equal(cluster.Members.Select(member => $"http://{member.Address}").Order(), members.Members.Select(member => Assert.Single(member.ClientURLs)).Order());
            Assert.Equal(3, members.Members.Select(member => member.ID).Distinct().Count());
            Assert.Equal($"http://{cluster.Members[i].Address}", members.Members.Single(member => member.ID == members.Header.MemberId).ClientURLs[0]);
            var status = await channels[i].Maintenance.StatusAsync(new StatusRequest());
            Assert.Contains(status.Leader, members.Members.Select(member => member.ID));
            leaders.Add((status.Leader, status.RaftTerm, status.Header.MemberId));
        }

        Assert.Single(leaders.Select(seen => (seen.Leader, seen.Term)).Distinct());
        Assert.Equal(3, leaders.Select(seen => seen.Member).Distinct().Count());
        Array.ForEach(channels, channel => channel.Dispose());
    }

    [Fact]
    public async Task A_killed_writer_is_replaced_and_nothing_is_lost_or_written_twice()
    {
        await using var cluster = await ThreeProcesses.Start(database.NewEndpoint());
        var survivor = cluster.Followers[0];
        using var channel = new EtcdChannel(survivor.Address);
        using var watch = await channel.Watch(new WatchCreateRequest { Key = Everything, RangeEnd = Everything, StartRevision = 2 });
        using var stop = new CancellationTokenSource();
        var load = new WriteLoad(survivor.Address);
        var writing = load.RunThroughErrors(stop.Token);
        await Progress(load);
        var first = cluster.Writer;
        var clock = Stopwatch.StartNew();
        await first.Kill();
        await Progress(load, 1);
        output.WriteLine($"written again {clock.Elapsed.TotalSeconds:0.0} s after the kill");
        await Progress(load);
        await first.Start();
        await Progress(load);
        using (var other = new EtcdChannel(first.Address))
        {
            await other.Put("/by", "the one that is back");
            Assert.Equal("the one that is back", (await channel.Get("/by"))!.Value.ToStringUtf8());
        }

        await stop.CancelAsync();
        await writing.WaitAsync(Patience);
        await AssertWhole(load, channel, watch);
    }

    [Fact]
    public async Task Processes_that_are_restarted_one_after_the_other_lose_nothing_and_end_with_zero()
    {
        await using var cluster = await ThreeProcesses.Start(database.NewEndpoint());
        foreach (var member in cluster.Members)
        {
            var others = cluster.Members.Where(other => other != member).ToArray();
            using var channel = new EtcdChannel(others[0].Address);
            await Retried(() => channel.Put("/restarting", member.Address));
            member.Process.Signal(SigTerm);
            Assert.True(await member.Process.Exited(TimeSpan.FromSeconds(60)));
            Assert.Equal(0, member.Process.ExitCode);
            Assert.DoesNotContain("   at ", member.Process.Output);
            Assert.Equal(member.Address, (await Retried(() => channel.Get("/restarting")))!.Value.ToStringUtf8());
            await member.Start();
        }
    }

    [Fact]
    public async Task The_writer_moves_where_it_is_told_to_and_back_and_nothing_fails_that_is_tried_again()
    {
        await using var cluster = await ThreeProcesses.Start(database.NewEndpoint());
        var (first, second) = (cluster.Writer, cluster.Followers[0]);
        using var channel = new EtcdChannel(cluster.Followers[1].Address);
        using var watch = await channel.Watch(new WatchCreateRequest { Key = Everything, RangeEnd = Everything, StartRevision = 2 });
        using var stop = new CancellationTokenSource();
        var load = new WriteLoad(cluster.Followers[1].Address);
        var writing = load.RunThroughErrors(stop.Token);
        await Progress(load);
        using var one = new EtcdChannel(first.Address);
        using var other = new EtcdChannel(second.Address);
        var (here, there) = (await IdOf(one), await IdOf(other));
        var refused = await Assert.ThrowsAsync<RpcException>(async () => await other.Maintenance.MoveLeaderAsync(new MoveLeaderRequest { TargetID = there }));
        Assert.Equal("etcdserver: not leader", refused.Status.Detail);
        var clock = Stopwatch.StartNew();
        await one.Maintenance.MoveLeaderAsync(new MoveLeaderRequest { TargetID = there });
        output.WriteLine($"moved in {clock.Elapsed.TotalSeconds:0.00} s");
        Assert.Equal(there, (await channel.Maintenance.StatusAsync(new StatusRequest())).Leader);
        await Progress(load);
        await other.Maintenance.MoveLeaderAsync(new MoveLeaderRequest { TargetID = here });
        Assert.Equal(here, (await other.Maintenance.StatusAsync(new StatusRequest())).Leader);
        await Progress(load);
        await stop.CancelAsync();
        await writing.WaitAsync(Patience);
        await AssertWhole(load, channel, watch);
    }

    [Fact]
    public async Task A_writer_that_slept_longer_than_its_lease_answers_nothing_from_the_past()
    {
        await using var cluster = await ThreeProcesses.Start(database.NewEndpoint());
        var sleeper = cluster.Writer;
        using var sleeping = new EtcdChannel(sleeper.Address);
        using var awake = new EtcdChannel(cluster.Followers[0].Address);
        await sleeping.Put("/k", "before");
        await sleeper.Process.Pause();
        var reads = Enumerable.Range(0, 20).Select(_ => Observed(() => sleeping.Get("/k"))).ToArray(); // they reach it when it wakes
        await Retried(() => awake.Put("/k", "after"));
        sleeper.Process.Signal(SigCont);
        foreach (var read in reads)
            Assert.True(await read.WaitAsync(Patience) is "after" or null);

        // It may stay, or end for having been taken for dead; it never writes behind the other's back.
        await Retried(() => awake.Put("/k", "last"));
        if (await sleeper.Process.Exited(TimeSpan.FromSeconds(20)))
        {
            Assert.NotEqual(0, sleeper.Process.ExitCode);
            Assert.Contains("took this one for dead", sleeper.Process.Output);
        }
        else
        {
            Assert.Equal("last", (await Retried(() => sleeping.Get("/k")))!.Value.ToStringUtf8());
        }
    }

    [Fact]
    public async Task A_database_that_was_killed_and_is_back_finds_the_same_cluster()
    {
        await using var cluster = await ThreeProcesses.Start(database.NewEndpoint());
        using var channel = new EtcdChannel(cluster.Followers[0].Address);
        using var watch = await channel.Watch(new WatchCreateRequest { Key = Everything, RangeEnd = Everything, StartRevision = 2 });
        using var stop = new CancellationTokenSource();
        var load = new WriteLoad(cluster.Followers[0].Address);
        var writing = load.RunThroughErrors(stop.Token);
        await Progress(load);
        await database.Kill();
        await Task.Delay(TimeSpan.FromSeconds(2)); // longer than its lease
        await database.Start();
        await Progress(load);
        await stop.CancelAsync();
        await writing.WaitAsync(Patience);
        await AssertWhole(load, channel, watch);
        Assert.DoesNotContain(cluster.Members, member => member.HasEnded);
    }

    private static async Task<ulong> IdOf(EtcdChannel channel) => (await channel.Maintenance.StatusAsync(new StatusRequest())).Header.MemberId;

    private static async Task AssertWhole(WriteLoad load, EtcdChannel channel, WatchCall watch)
    {
        var current = (await channel.HashKV()).Header.Revision;
        var history = await History.Read(channel, 2, current);
        load.AssertHolds(history, 2);
        using var limit = new CancellationTokenSource(Patience);
        var told = new List<Event>();
        while (told.Count == 0 || told[^1].Kv.ModRevision < current)
        {
            var reply = await watch.Read(limit.Token) ?? throw new InvalidOperationException("the watch was ended");
            Assert.False(reply.Canceled, "the watch was canceled");
            told.AddRange(reply.Events);
        }

        Assert.Equal(history.SelectMany(revision => revision), told);
    }

    private static async Task<string?> Observed(Func<Task<KeyValue?>> read)
    {
        try
        {
            return (await read())?.Value.ToStringUtf8();
        }
        catch (RpcException error) when (error.StatusCode == StatusCode.Unavailable)
        {
            return null;
        }
    }

    private static async Task Progress(WriteLoad load, int writes = 50)
    {
        var before = load.Acknowledged.Count;
        var clock = Stopwatch.StartNew();
        while (load.Acknowledged.Count < before + writes)
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
}
