using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Google.Protobuf;
using Kine.Backends;
using Kine.Etcd;
using Kine.Host.Client;
using Kine.Tests.Faults;
using Kine.Tests.Servers;
using Kine.Tests.Wire;

namespace Kine.Tests.Chaos;

/// <summary>
/// Three processes on one database, which reach it and each other through connections that can be made to fail. One that ends by itself, as the others took it
/// for dead, is started again.
/// </summary>
internal sealed partial class ChaosCluster : IAsyncDisposable
{
    public const int Size = 3;

    private const int LinesOfAnError = 12;
    private const int SigTerm = 15;
    private const int SigCont = 18;
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan StopLimit = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan ReadLimit = TimeSpan.FromSeconds(2);

    private readonly DatabaseServer _database;
    private readonly FaultProxy[] _ways;
    private readonly PeerRouter[] _peers;
    private readonly KineServer[] _members;
    private readonly ConcurrentQueue<string> _errors = [];
    private readonly bool[] _heldDown = new bool[Size];
    private readonly Action<Violation> _report;
    private readonly SemaphoreSlim _restarting = new(1, 1);
    private readonly CancellationTokenSource _stop = new();
    private Task _supervising = Task.CompletedTask;

    private ChaosCluster(DatabaseServer database, string leaseTime, Action<Violation> report)
    {
        _database = database;
        _report = report;
        var endpoint = database.NewEndpoint();
        var ports = Enumerable.Range(0, Size).Select(_ => FreePort.Next()).ToArray();
        _ways = [.. ports.Select(_ => new FaultProxy(database.Port))];
        _peers = [.. ports.Select(port => new PeerRouter(port, Size, PidOf))];
        _members = [.. ports.Select((port, i) => KineServer.On(
            endpoint.Replace($":{database.Port}", $":{_ways[i].Port}", StringComparison.Ordinal),
            "--lease-time", leaseTime, "--peer-listen-address", $"127.0.0.1:{port}", "--peer-advertise-address", $"127.0.0.1:{_peers[i].Port}"))];
        Endpoints = new Endpoints([.. _members.Select(member => member.Address)]);
    }

    /// <summary>The processes as clients see them.</summary>
    public Endpoints Endpoints { get; }

    /// <summary>The process that was told last that it writes.</summary>
    public int Writer => Enumerable.Range(0, Size).MaxBy(process => Epochs().Matches(_members[process].Process.Output)
        .Select(match => long.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture)).LastOrDefault());

    /// <param name="database">Where they keep everything.</param>
    /// <param name="leaseTime">Value of --lease-time.</param>
    /// <param name="report">Takes what a process did that it must not.</param>
    public static async Task<ChaosCluster> Start(DatabaseServer database, string leaseTime, Action<Violation> report)
    {
        var cluster = new ChaosCluster(database, leaseTime, report);
        try
        {
            await Task.WhenAll(cluster._members.Select(member => member.Start()));
            cluster._supervising = cluster.Supervise();
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>Ends a process with SIGKILL, and starts it again later.</summary>
    public async Task Kill(int process, TimeSpan later)
    {
        _heldDown[process] = true;
        await _members[process].Kill();
        await Task.Delay(later);
        Begin(process);
        _heldDown[process] = false;
    }

    /// <summary>Asks a process to end, and starts it again later.</summary>
    public async Task Stop(int process, TimeSpan later)
    {
        _heldDown[process] = true;
        var server = _members[process].Process;
        if (!server.HasExited)
        {
            if (!await server.Terminate(StopLimit))
                Report(process, $"did not stop within {StopLimit}");
            else if (server.ExitCode != 0)
                Report(process, $"ended with {server.ExitCode} when it was asked to stop");
        }

        await Task.Delay(later);
        Begin(process);
        _heldDown[process] = false;
    }

    /// <summary>Stops all threads of a process for a while.</summary>
    public async Task Pause(int process, TimeSpan time)
    {
        var server = _members[process].Process;
        if (server.HasExited)
            return;

        await server.Pause();
        await Task.Delay(time);
        server.Signal(SigCont);
    }

    /// <summary>Keeps a process away from the database for a while.</summary>
    public Task CutDatabase(int process, TimeSpan time, Cut cut) => Fail([_ways[process]], time, cut);

    /// <summary>Keeps a process away from the others for a while.</summary>
    /// <param name="process">The process.</param>
    /// <param name="time">How long.</param>
    /// <param name="cut">How the connections fail.</param>
    /// <param name="inwards">Whether the connections of the others to it fail.</param>
    /// <param name="outwards">Whether its connections to the others fail.</param>
    public Task CutPeers(int process, TimeSpan time, Cut cut, bool inwards, bool outwards)
    {
        var others = Enumerable.Range(0, Size).Where(other => other != process).ToArray();
        return Fail(
            [
                .. others.Where(_ => inwards).Select(other => _peers[process].From(other)),
                .. others.Where(_ => outwards).Select(other => _peers[other].From(process)),
            ],
            time,
            cut);
    }

    /// <summary>Kills the database, and starts it again later.</summary>
    public async Task RestartDatabase(TimeSpan later)
    {
        using var turn = await Turn.In(_restarting, CancellationToken.None);
        await _database.Kill();
        await Task.Delay(later);
        await _database.Start();
    }

    /// <summary>What the processes have logged as errors.</summary>
    public IReadOnlyList<string> Errors()
    {
        for (var process = 0; process < Size; process++)
            NoteErrors(process);

        return [.. _errors];
    }

    /// <summary>Waits until every process answers a linearizable read.</summary>
    public Task AllAnswer() => Task.WhenAll(Enumerable.Range(0, Size).Select(Answers));

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _supervising;
        foreach (var member in _members)
            await member.DisposeAsync();

        foreach (var proxy in _ways)
            await proxy.DisposeAsync();

        foreach (var peer in _peers)
            await peer.DisposeAsync();

        _restarting.Dispose();
        _stop.Dispose();
    }

    private static async Task Fail(FaultProxy[] ways, TimeSpan time, Cut cut)
    {
        foreach (var way in ways)
        {
            way.Hanging = cut == Cut.Silent;
            way.LosingAnswers = cut == Cut.AnswersLost;
            way.Refusing = cut == Cut.Refused;
            if (cut == Cut.Refused)
                way.CutAll();
        }

        await Task.Delay(time);
        foreach (var way in ways)
        {
            way.CutAll();
            way.Hanging = way.LosingAnswers = way.Refusing = false;
        }
    }

    private async Task Answers(int process)
    {
        var clock = Stopwatch.StartNew();
        using var channel = new EtcdChannel(_members[process].Address);
        while (true)
        {
            using var limit = new CancellationTokenSource(ReadLimit);
            try
            {
                await channel.Range(new RangeRequest { Key = ByteString.CopyFromUtf8(Keys.All) }, limit.Token);
                return;
            }
            catch (Exception notYet) when (notYet is RpcException or OperationCanceledException)
            {
                if (clock.Elapsed > Wait.Limit)
                    throw new TimeoutException($"{_members[process].Address} does not come back: {notYet.Message}\n{Tail(process)}");

                await Task.Delay(Glance);
            }
        }
    }

    private async Task Supervise()
    {
        while (!_stop.IsCancellationRequested)
        {
            for (var process = 0; process < Size; process++)
            {
                if (_heldDown[process] || !_members[process].HasEnded)
                    continue;

                if (!MayEnd().IsMatch(_members[process].Process.Output))
                    Report(process, $"ended by itself with {_members[process].Process.ExitCode}");

                Begin(process);
            }

            await Task.Delay(Glance, CancellationToken.None);
        }
    }

    private void Begin(int process)
    {
        if (_members[process].Process.Output.Contains("Unhandled exception", StringComparison.Ordinal))
            Report(process, "ended by an exception");

        NoteErrors(process);
        Endpoints.NewLife(process);
        _members[process].Begin();
    }

    // With the lines that follow, which say where it was.
    private void NoteErrors(int process)
    {
        var lines = _members[process].Process.Output.Split('\n');
        for (var i = 0; i < lines.Length; i++)
        {
            if (lines[i].Contains("Z error ", StringComparison.Ordinal))
                _errors.Enqueue($"process {process}: {string.Join('\n', lines.Skip(i).Take(LinesOfAnError))}");
        }
    }

    private int? PidOf(int process)
    {
        try
        {
            return _members[process].Process.Pid;
        }
        catch (InvalidOperationException)
        {
            return null; // between two lives
        }
    }

    private void Report(int process, string what) => _report(new Violation(Fault.WrongError, $"process {process} {what}:\n{Tail(process)}"));

    private string Tail(int process)
    {
        const int Most = 3_000;
        var output = _members[process].Process.Output;
        return output.Length > Most ? output[^Most..] : output;
    }

    [GeneratedRegex("This process is the store's writer now: epoch ([0-9]+)")]
    private static partial Regex Epochs();

    // What a process says that gives up its place, or finds the database or the others away when it starts: to be started again.
    [GeneratedRegex("took this one for dead|cannot stay in the cluster|^kine: ", RegexOptions.Multiline)]
    private static partial Regex MayEnd();
}
