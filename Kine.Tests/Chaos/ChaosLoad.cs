using Google.Protobuf;
using Kine.Etcd;
using Kine.Host.Client;
using Kine.Tests.Wire;

namespace Kine.Tests.Chaos;

/// <summary>All clients of one run, from their start to the verdict.</summary>
internal sealed class ChaosLoad
{
    private const int Clients = 6;
    private const int LeaseClients = 3;
    private const int OldestStart = 2_000; // revisions back from now at which a late watch starts at most
    private static readonly TimeSpan LateWatchPause = TimeSpan.FromMilliseconds(200);

    private readonly CancellationTokenSource _stopClients = new();
    private readonly CancellationTokenSource _stopWatches = new();
    private readonly List<(WatchClient Client, WatchLog Log)> _watches = [];
    private readonly List<Task> _working = [];
    private readonly List<Task> _watching = [];
    private readonly Endpoints _endpoints;
    private readonly ChaosClient _first;

    private ChaosLoad(Endpoints endpoints, int seed)
    {
        _endpoints = endpoints;
        Recording = new Recording();
        _first = new ChaosClient(endpoints, Recording, 0, new Random(seed));
    }

    public Recording Recording { get; }

    /// <summary>Starts everything; the processes have to be there.</summary>
    /// <param name="leases">False = no leases are taken, which would have to be waited for at the end.</param>
    public static async Task<ChaosLoad> Start(Endpoints endpoints, int seed, bool leases = true)
    {
        var load = new ChaosLoad(endpoints, seed);
        await load._first.Certainly(Balance.Opened);
        load.Begin(seed, leases);
        return load;
    }

    /// <summary>Waits until a write is acknowledged through some process; one more each time.</summary>
    public Task<long> Progress() => _first.Certainly(value => new Step { Writes = [new Write(Keys.Note(0), value)] });

    /// <summary>Ends it when everything works again; gives what is wrong.</summary>
    /// <param name="readable">The addresses through which everything can be read in the end; the log has to be the same through each.</param>
    public async Task<List<Violation>> Finish(string[] readable)
    {
        await _stopClients.CancelAsync();
        await Task.WhenAll(_working).WaitAsync(Wait.Limit);
        await LeasesAreOver();
        var end = await _first.Certainly(value => new Step { Writes = [new Write(Keys.End, value)] });
        var limit = DateTime.UtcNow + Wait.Limit;
        var whole = _watches.Where(watch => readable.Contains(watch.Client.Address)).ToArray();
        while (whole.Any(watch => watch.Client.Last < end) && DateTime.UtcNow < limit)
            await Task.Delay(20, CancellationToken.None);

        await _stopWatches.CancelAsync();
        await Task.WhenAll(_watching).WaitAsync(Wait.Limit);
        Array.ForEach(whole, watch => watch.Log.Until = end);
        var logs = await Task.WhenAll(readable.Select(address => ReadLog(address, end)));
        foreach (var log in logs.Skip(1))
        {
            if (log.Zip(logs[0]).FirstOrDefault(pair => pair.First.ToString() != pair.Second.ToString()) is { First: { } one, Second: { } other })
                Recording.Add(new Violation(Fault.WatchInvented, $"two processes tell different logs:\n  {one}\n  {other}"));
        }

        _first.Dispose();
        return Recording.Check(logs[0]);
    }

    private void Begin(int seed, bool leases)
    {
        for (var i = 0; i < Clients + (leases ? LeaseClients : 0); i++)
        {
            var random = new Random(seed + i + 1);
            Work(i < Clients ? new ChaosClient(_endpoints, Recording, i + 1, random) : new LeaseClient(_endpoints, Recording, i + 1, random));
        }

        for (var process = 0; process < _endpoints.Count; process++)
        {
            Watch(process, Keys.All, Keys.AllEnd);
            Watch(process, Keys.Registers, Keys.RegistersEnd);
        }

        _working.Add(Task.Run(() => WatchLate(new Random(seed))));
    }

    private void Work(ChaosClient client) => _working.Add(Task.Run(async () =>
    {
        using (client)
        {
            await client.Run(_stopClients.Token);
        }
    }));

    private void Watch(int process, string from, string to)
    {
        var log = new WatchLog($"the watch on {from} through {_endpoints.AddressOf(process)}", from, to, 2);
        var client = new WatchClient(_endpoints.AddressOf(process), log, Recording);
        Recording.Add(log);
        _watches.Add((client, log));
        _watching.Add(Task.Run(() => client.Run(long.MaxValue, _stopWatches.Token)));
    }

    // Each starts somewhere in the past and ends when it has come to the present of its start.
    private async Task WatchLate(Random random)
    {
        while (!_stopClients.IsCancellationRequested)
        {
            var newest = Recording.Newest;
            var process = random.Next(_endpoints.Count);
            var start = random.NextInt64(Math.Max(2, newest - OldestStart), newest + 1);
            var log = new WatchLog($"a late watch through {_endpoints.AddressOf(process)}", Keys.All, Keys.AllEnd, start);
            var client = new WatchClient(_endpoints.AddressOf(process), log, Recording);
            await client.Run(newest, _stopClients.Token);
            log.Until = Math.Min(newest, client.Last);
            Recording.Add(log);
            await Task.Delay(LateWatchPause, CancellationToken.None);
        }
    }

    private async Task LeasesAreOver()
    {
        var limit = DateTime.UtcNow + Wait.Limit;
        var left = new Step { Looks = [new Look(Keys.Leases, Keys.LeasesEnd, [])] };
        while (await _first.Take(left) is not { Outcome: Outcome.Done, Looks: [{ Pairs: [] }] } && DateTime.UtcNow < limit)
            await Task.Delay(100, CancellationToken.None);
    }

    private static async Task<List<LogEntry>> ReadLog(string address, long to)
    {
        using var channel = new EtcdChannel(address);
        using var limit = new CancellationTokenSource(Wait.Limit);
        using var watch = await channel.Watch(
            new WatchCreateRequest { Key = ByteString.CopyFrom(0), RangeEnd = ByteString.CopyFrom(0), StartRevision = 2 }, limit.Token);
        var log = new List<LogEntry>();
        while (log.Count == 0 || log[^1].Revision < to)
        {
            var reply = await watch.Read(limit.Token) ?? throw new InvalidOperationException("the watch was ended");
            if (reply.Canceled)
                throw new InvalidOperationException($"the watch was canceled: {reply}");

            log.AddRange(reply.Events.GroupBy(change => change.Kv.ModRevision).Select(group => new LogEntry(group.Key, [.. group.Select(EtcdSteps.Change)])));
        }

        return log;
    }
}
