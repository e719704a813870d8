using Google.Protobuf;
using Kine.Etcd;
using Kine.Host.Bench;
using Kine.Host.Client;
using Kine.Tests.Servers;
using Kine.Tests.Wire;

namespace Kine.Tests.Figures;

/// <summary>Creates, puts, gets and lists beside an etcd on the same machine, in turns.</summary>
internal static class CompareFigures
{
    private const double LeastRatio = 1; // of etcd's operations per second
    private const int Keys = 10_000;
    private const int PageSize = 500;
    private const string Note = "64 clients, 512-byte values";

    public static async Task Run(FigureSheet sheet)
    {
        if (sheet.Options.EtcdPath is not { } etcdPath)
            throw new BenchException("the comparison needs an etcd: give its path with --etcd");

        using var kineFolder = new TempFolder();
        using var etcdFolder = new TempFolder();
        await using var kine = await ServerUnderTest.StartKine(sheet.Options.KinePath, kineFolder);
        await using var etcd = await ServerUnderTest.StartEtcd(etcdPath, etcdFolder);
        var options = new BenchOptions
        {
            Mode = BenchMode.Create,
            Endpoint = kine.Endpoint,
            Pid = kine.Pid,
            Compare = etcd.Endpoint,
            ComparePid = etcd.Pid,
            Rounds = sheet.Options.Rounds,
            Duration = sheet.Options.RoundTime,
            Keys = Keys,
            Seed = 1,
        };

        // Each create is of another key, which h2load cannot do; the bench's heavier callers take the same part of the machine from both.
        var creates = await sheet.Run(options);
        Add(sheet, "create", creates.MedianRatio(round => round.OperationsPerSecond) ?? 0, creates.MedianRatio(round => round.ServerCpuPerOperation) ?? 0);

        // Loads the keys.
        await sheet.Run(options with { Mode = BenchMode.Get, Rounds = 1, Duration = TimeSpan.FromSeconds(1), Warmup = TimeSpan.Zero });
        using var target = new BenchTarget("A", kine.Endpoint, null, options with { Mode = BenchMode.Get });
        var keys = target.Keys;
        var value = new ValueSource(options.ValueSize, 1).Take(new Random(1));
        (string Name, string Method, IMessage Request)[] requests =
        [
            ("put", EtcdMethods.Put, new PutRequest { Key = keys.Key(1), Value = value }),
            ("get", EtcdMethods.Range, new RangeRequest { Key = keys.Key(2), Limit = 1 }),
            ("list", EtcdMethods.Range, new RangeRequest { Key = keys.Behind(Keys / 2), RangeEnd = keys.End, Limit = PageSize }),
        ];
        foreach (var (name, method, request) in requests)
            await Load(sheet, name, method, request, kine, etcd, kineFolder);
    }

    private static async Task Load(
        FigureSheet sheet, string name, string method, IMessage request, ServerUnderTest kine, ServerUnderTest etcd, TempFolder folder)
    {
        await Answered(kine, request);
        await Answered(etcd, request);
        var speeds = new List<double>();
        var cpus = new List<double>();
        for (var round = 0; round < sheet.Options.Rounds; round++)
        {
            var a = await H2Load.Run(kine, method, request, sheet.Options.RoundTime, folder);
            var b = await H2Load.Run(etcd, method, request, sheet.Options.RoundTime, folder);
            sheet.Say($"{name} by h2load: {a.PerSecond:N0} and {b.PerSecond:N0} requests/s, {a.ServerCpu:0.0} and {b.ServerCpu:0.0} us of server CPU each");
            speeds.Add(a.PerSecond / b.PerSecond);
            cpus.Add(a.ServerCpu / b.ServerCpu);
        }

        Add(sheet, name, FigureUnits.Median(speeds), FigureUnits.Median(cpus));
    }

    // h2load reads no gRPC status: the request has to be one that is answered with OK.
    private static async Task Answered(ServerUnderTest server, IMessage request)
    {
        using var channel = new EtcdChannel(server.Endpoint);
        if (request is PutRequest put)
            await channel.Kv.PutAsync(put);
        else if ((await channel.Kv.RangeAsync((RangeRequest)request)).Kvs.Count == 0)
            throw new BenchException($"{server.Endpoint} has none of the keys that were loaded");
    }

    private static void Add(FigureSheet sheet, string name, double speed, double cpu)
    {
        sheet.Add(new Figure($"{name}: speed beside etcd", speed, LeastRatio, "x", AtLeast: true, Note: $"{Note}; server CPU per operation {cpu:0.00} of etcd's"));
    }
}
