namespace Kine.Host.Bench.Figures;

/// <summary>Creates, gets and lists beside an etcd on the same machine, in turns.</summary>
internal static class CompareFigures
{
    private const double LeastRatio = 1; // of etcd's operations per second

    public static async Task Run(FigureSheet sheet)
    {
        if (sheet.Options.EtcdPath is not { } etcdPath)
        {
            throw new BenchException("the comparison needs an etcd: give its path with --etcd");
        }

        using var kineFolder = new DataFolder();
        using var etcdFolder = new DataFolder();
        await using var kine = await ServerUnderTest.StartKine(sheet.Options.KinePath, kineFolder.Path);
        await using var etcd = await ServerUnderTest.StartEtcd(etcdPath, etcdFolder.Path);
        foreach (var mode in new[] { BenchMode.Create, BenchMode.Get, BenchMode.List })
        {
            var report = await sheet.Run(new BenchOptions
            {
                Mode = mode,
                Endpoint = kine.Endpoint,
                Pid = kine.Pid,
                Compare = etcd.Endpoint,
                ComparePid = etcd.Pid,
                Rounds = sheet.Options.Rounds,
                Duration = sheet.Options.RoundTime,
                Seed = 1,
            });
            var ratio = report.MedianRatio(round => round.OperationsPerSecond) ?? 0;
            var cpu = report.MedianRatio(round => round.ServerCpuPerOperation);
            sheet.Add(new Figure(
                $"{mode.ToString().ToLowerInvariant()}, 64 clients, 512-byte values: speed beside etcd", ratio, LeastRatio, "x", AtLeast: true,
                Note: $"{report.Targets[0].Sum().OperationsPerSecond:N0} and {report.Targets[1].Sum().OperationsPerSecond:N0} ops/s, CPU per operation {cpu:0.00} of etcd's"));
        }
    }
}
