using Kine.Backends;
using Kine.Grains;
using Kine.Grains.Cluster;
using Kine.Grains.Fencing;
using Kine.Grains.Hosting;
using Kine.Grains.Watch;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Kine.Tests.Grains;

/// <summary>Store, silo and writer in a host as the program has them, without the front end.</summary>
internal sealed class GrainHost : IAsyncDisposable
{
    private readonly IHost _host;
    private bool _stopped;

    private GrainHost(IHost host) => _host = host;

    public IServiceProvider Services => _host.Services;

    public IEtcdApi Api => Services.GetRequiredService<IEtcdApi>();

    public static async Task<GrainHost> Start(
        IRevisionStore store,
        WriterOptions? writer = null,
        GrainHostingOptions? grains = null,
        ILoggerFactory? logging = null,
        TimeProvider? time = null,
        ProofClock? clock = null,
        Action<IServiceProvider>? built = null)
    {
        var builder = new HostApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Services.AddSingleton(logging ?? NullLoggerFactory.Instance);
        builder.Services.AddSingleton(time ?? TimeProvider.System);
        builder.Services.AddSingleton(clock ?? new ProofClock());
        builder.Services.AddKine(store, writer ?? new WriterOptions(), new WatchHubOptions(), grains ?? new GrainHostingOptions());
        var host = builder.Build();
        built?.Invoke(host.Services);
        try
        {
            await host.StartAsync();
        }
        catch
        {
            host.Dispose();
            throw;
        }

        return new GrainHost(host);
    }

    /// <summary>Stops at most until the token fires, and leaves what is under way then to itself.</summary>
    public async Task Stop(CancellationToken cancellationToken = default)
    {
        if (!_stopped)
        {
            _stopped = true;
            await Task.Run(() => StopAndClose(cancellationToken), CancellationToken.None).WaitAsync(cancellationToken);
        }
    }

    public async ValueTask DisposeAsync() => await Stop();

    private async Task StopAndClose(CancellationToken cancellationToken)
    {
        try
        {
            await _host.StopAsync(cancellationToken);
        }
        finally
        {
            await ((IAsyncDisposable)_host).DisposeAsync();
        }
    }
}
