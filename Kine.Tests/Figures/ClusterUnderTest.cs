using System.Globalization;
using System.Text.RegularExpressions;
using Kine.Host.Bench;
using Kine.Host.Client;
using Kine.Tests.Servers;
using Kine.Tests.Wire;

namespace Kine.Tests.Figures;

/// <summary>Three processes on one PostgreSQL, which make themselves a cluster. The database waits for its disk, as it does by default.</summary>
internal sealed partial class ClusterUnderTest : IAsyncDisposable
{
    public const string Database = "kine";
    public const int Size = 3;

    private const string Declared = "took this one for dead";
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(50);

    private readonly FigureSheet _sheet;
    private readonly List<ServerUnderTest> _members = [];

    private ClusterUnderTest(FigureSheet sheet) => _sheet = sheet;

    public PostgresServer Postgres { get; } = new();

    public IReadOnlyList<ServerUnderTest> Members => _members;

    /// <summary>The process that writes: the one that was told so last.</summary>
    public ServerUnderTest Writer => _members.MaxBy(EpochOf)!;

    /// <summary>Those that do not.</summary>
    public ServerUnderTest[] Followers
    {
        get
        {
            var writer = Writer;
            return [.. _members.Where(member => member != writer)];
        }
    }

    /// <summary>How many processes ended because the others had taken them for dead, and were started again.</summary>
    public int TakenForDead { get; private set; }

    /// <summary>Starts all of it.</summary>
    /// <param name="sheet">Where the figures go.</param>
    /// <param name="settings">PostgreSQL's, as name=value.</param>
    /// <exception cref="BenchException">A process ended or never answered.</exception>
    public static async Task<ClusterUnderTest> Start(FigureSheet sheet, params string[] settings)
    {
        var cluster = new ClusterUnderTest(sheet);
        try
        {
            foreach (var setting in settings.Prepend("full_page_writes=on").Prepend("fsync=on"))
                cluster.Postgres.Set(setting);

            await cluster.Postgres.Start();
            for (var member = 0; member < Size; member++)
                cluster._members.Add(await cluster.StartMember(FreePort.Next()));

            await cluster.Whole();
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts a process again that has ended, at the same address.</summary>
    /// <exception cref="BenchException">It ended or never answered.</exception>
    public async Task<ServerUnderTest> Restart(ServerUnderTest ended)
    {
        var place = _members.IndexOf(ended);
        await ended.DisposeAsync();
        return _members[place] = await StartMember(ended.Port);
    }

    /// <summary>Waits until each process knows all of them and takes writes. One that was taken for dead is started again, as a supervisor would.</summary>
    /// <exception cref="BenchException">A process ended for another reason, or they do not find each other.</exception>
    public async Task Whole()
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(_sheet.Stopped);
        limit.CancelAfter(Patience);
        try
        {
            while (!await IsWhole(limit.Token))
                await Task.Delay(Look, limit.Token);
        }
        catch (OperationCanceledException) when (!_sheet.Stopped.IsCancellationRequested)
        {
            throw new BenchException($"the processes were no cluster within {Patience.TotalMinutes:0} minutes{string.Concat(_members.Select(member => member.LogTail()))}");
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var member in _members)
            await member.DisposeAsync();

        await Postgres.DisposeAsync();
    }

    // Left to itself it would take the address that leads out of this machine, since the database is on this one.
    private Task<ServerUnderTest> StartMember(int port) =>
        ServerUnderTest.StartKineOn(_sheet.Options.KinePath, Postgres.Endpoint(Database), port, "--peer-listen-address", $"127.0.0.1:{FreePort.Next()}");

    private async Task<bool> IsWhole(CancellationToken cancellationToken)
    {
        foreach (var ended in _members.Where(member => member.HasEnded).ToArray())
        {
            if (!ended.Output.Contains(Declared, StringComparison.Ordinal))
                throw new BenchException($"a process of the cluster ended by itself{ended.LogTail()}");

            TakenForDead++;
            await Restart(ended);
        }

        try
        {
            foreach (var member in _members)
            {
                using var channel = new EtcdChannel(member.Endpoint);
                await channel.Put("/whole", member.Endpoint, cancellation: cancellationToken);
                if ((await channel.MemberList()).Members.Count != Size)
                    return false;
            }

            return true;
        }
        catch (RpcException notYet) when (notYet.StatusCode == StatusCode.Unavailable)
        {
            return false;
        }
    }

    private static long EpochOf(ServerUnderTest member) => Epochs().Matches(member.Output)
        .Select(match => long.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture)).LastOrDefault();

    [GeneratedRegex("This process is the store's writer now: epoch ([0-9]+)")]
    private static partial Regex Epochs();
}
