using Kine.Host.Bench;
using Kine.Tests.Servers;

namespace Kine.Tests.Figures;

/// <summary>Pages at random places of a million keys whose values are not in the server's cache.</summary>
internal static class PageFigures
{
    private const int ValueSize = 512;
    private const double Limit = 5; // ms
    private const string SmallestCache = "1048576"; // bytes: eight pages

    public static async Task Run(FigureSheet sheet)
    {
        using var folder = new TempFolder();
        await using var server = await ServerUnderTest.StartKine(sheet.Options.KinePath, folder, "--cache-bytes", SmallestCache);
        var options = new BenchOptions
        {
            Mode = BenchMode.List,
            Endpoint = server.Endpoint,
            Pid = server.Pid,
            Keys = sheet.Options.Keys,
            ValueSize = ValueSize,
            Clients = 1,
            Connections = 1,
            Duration = sheet.Options.PageTime,
            Seed = 1,
        };

        // The loading needs more than one caller, the measured reading only has one.
        await sheet.Run(options with { Clients = 16, Connections = 4, Duration = TimeSpan.FromSeconds(1), Warmup = TimeSpan.Zero });
        var pages = await sheet.RunOne(options with { Load = false });
        sheet.Add(new Figure(
            $"page of 500 of {sheet.Options.Keys:N0} keys, uncached, one client: p99", FigureUnits.Milliseconds(pages.Latencies.Percentile(99)), Limit, "ms",
            Note: $"p50 {BenchText.Time(pages.Latencies.Percentile(50))}, {pages.Operations} pages"));
    }
}
