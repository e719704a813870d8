using Kine.Grains.Hosting;
using Kine.Tests.Servers;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans;

namespace Kine.Tests.Runtime;

/// <summary>
/// A silo with the probe grains in it. Orleans' own machinery needs a clock that runs, so that the tests wait.
/// </summary>
public sealed class ProbeCluster : IAsyncDisposable
{
    private readonly IHost _host;

    private ProbeCluster(GrainHostingOptions options, ProbeLog log)
    {
        Log = log;
        var builder = new HostApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Services.AddSingleton(Log);
        builder.Services.AddSingleton<ILoggerProvider>(Logged);
        SiloPort = FreePort.Next();
        builder.UseOrleans(silo => silo.ConfigureKineSilo(options with { SiloPort = SiloPort, GatewayPort = FreePort.Next() }));
        _host = builder.Build();
    }

    public ProbeLog Log { get; }

    public int SiloPort { get; }

    public ErrorLog Logged { get; } = new();

    public IServiceProvider Services => _host.Services;

    public IGrainFactory Grains => _host.Services.GetRequiredService<IGrainFactory>();

    public static async Task<ProbeCluster> Start(GrainHostingOptions? options = null, ProbeLog? log = null)
    {
        var cluster = new ProbeCluster(options ?? new GrainHostingOptions(), log ?? new ProbeLog());
        await cluster._host.StartAsync();
        return cluster;
    }

    /// <summary>Lets that much time pass for grains.</summary>
    public static Task Advance(TimeSpan by) => Task.Delay(by + TimeSpan.FromMilliseconds(200));

    public Task Stop() => _host.StopAsync();

    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync();
        _host.Dispose();
    }
}
