using Kine.Backends;
using Kine.Grains.Cluster;
using Kine.Grains.Fencing;
using Kine.Grains.Import;
using Kine.Grains.Watch;
using Kine.Grains.Writing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans;

namespace Kine.Grains.Hosting;

/// <summary>Store, grains and keyspace of one process.</summary>
public sealed class ServerBackend : IServerBackend
{
    private readonly IRevisionStore _store;
    private readonly ServiceProvider _services;
    private readonly ILogger _log;
    private readonly TaskCompletionSource<string> _broken = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Nothing is opened before <see cref="Start"/>.</summary>
    public ServerBackend(
        IRevisionStore store, WriterOptions writer, WatchHubOptions watches, GrainHostingOptions grains, ILoggerFactory log, TimeProvider time,
        ProofClock? clock = null)
    {
        _store = store;
        _log = log.CreateLogger<ServerBackend>();
        var services = new ServiceCollection();
        services.AddSingleton(log);
        services.AddSingleton(time);
        services.AddSingleton(clock ?? new ProofClock());
        services.AddKineServices(store, writer with { Fatal = reason => _broken.TrySetResult(reason) }, watches);
        services.AddKineGrains(grains);
        _services = services.BuildServiceProvider();
    }

    /// <inheritdoc/>
    public string StoreDescription => _store.Description;

    /// <inheritdoc/>
    public string? StandsByFor => _services.GetRequiredService<WatchHub>().IsLeaderless ? _services.GetRequiredService<Candidacy>().HolderAddress : null;

    /// <inheritdoc/>
    public Task<string> Broken => _broken.Task;

    /// <inheritdoc/>
    public async Task<IEtcdApi> Start(CancellationToken cancellationToken)
    {
        try
        {
            try
            {
                await _store.Open(cancellationToken);
            }
            catch (Exception error) when (error is StoreRefusedException or StoreUnavailableException)
            {
                throw new BackendException(error.Message, innerException: error);
            }

            foreach (var warning in _store.Warnings)
            {
                _log.LogWarning("{Warning}", warning);
            }

            foreach (var service in _services.GetServices<IHostedService>())
            {
                await service.StartAsync(cancellationToken);
            }

            await BecomeWriter(cancellationToken);
            await _services.GetRequiredService<FollowerFeed>().Start();
            return _services.GetRequiredService<IEtcdApi>();
        }
        catch
        {
            await Close();
            throw;
        }
    }

    // A process that may not write yet stands by: the feed asks for the writer every second, and so brings it to life here as soon as the store lets it.
    private async Task BecomeWriter(CancellationToken cancellationToken)
    {
        try
        {
            await RemoteCall.Answer(_services.GetRequiredService<IGrainFactory>().GetGrain<IRevisionGrain>(RevisionGrain.Key).Ready(), cancellationToken);
        }
        catch (EtcdException error) when (!_store.IsExclusive && error.Code == StatusCode.Unavailable)
        {
            var local = _services.GetRequiredService<ProcessState>();
            _services.GetRequiredService<WatchHub>().LoseLeader(() => local.Writer is null);
        }
        catch (Exception error) when (error is StoreRefusedException or ImportException)
        {
            throw new BackendException(error.Message, innerException: error);
        }
    }

    // A store that does not answer may hold up each of the steps, the closing too, and some clients block their thread in it.
    /// <inheritdoc/>
    public Task Stop(CancellationToken cancellationToken) =>
        Task.Run(() => DrainAndClose(cancellationToken), CancellationToken.None).WaitAsync(cancellationToken);

    private async Task DrainAndClose(CancellationToken cancellationToken)
    {
        try
        {
            await _services.GetRequiredService<FollowerFeed>().Stop();
            if (_services.GetRequiredService<ProcessState>().Writer is not null)
            {
                await _services.GetRequiredService<IGrainFactory>().GetGrain<IRevisionGrain>(RevisionGrain.Key).Stop().WaitAsync(cancellationToken);
            }

            foreach (var service in _services.GetServices<IHostedService>().Reverse())
            {
                await service.StopAsync(cancellationToken);
            }
        }
        finally
        {
            await Close();
        }
    }

    private async Task Close()
    {
        await _services.DisposeAsync();
        await _store.DisposeAsync();
    }
}
