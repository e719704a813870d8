using Kine.Backends;
using Kine.Grains.Cluster;
using Kine.Grains.Fencing;
using Kine.Grains.Import;
using Kine.Grains.Watch;
using Kine.Grains.Writing;
using Microsoft.Extensions.Hosting;

namespace Kine.Grains.Hosting;

/// <summary>
/// Takes the store over once the silo runs, and loads the index. While another process holds the store this one stands by: requests are answered
/// "etcdserver: no leader" until it takes over. Drains the appends and releases the store before the silo stops.
/// </summary>
internal sealed class WriterService(
    IRevisionStore store, ProcessState process, Candidacy candidacy, WatchHub watches, FollowerFeed feed, IGrainFactory grains) : IHostedService, IStoreStatus
{
    public string StoreDescription => store.Description;

    public string? StandsByFor => watches.IsLeaderless && !store.IsExclusive ? candidacy.HolderAddress : null;

    private IRevisionGrain Writer => grains.GetGrain<IRevisionGrain>(RevisionGrain.Key);

    // A process that may not write yet, or cannot, stands by: the feed asks for the writer every second, and so brings it to life here as soon as the store lets it.
    /// <exception cref="StartException">The store cannot be taken over; the message is one sentence for the user.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        try
        {
            await RemoteCall.Answer(Loaded(), cancellationToken);
        }
        catch (EtcdException error) when (error.Code == StatusCode.Unavailable)
        {
            watches.LoseLeader(() => process.Writer is null);
        }
        catch (Exception error) when (error is StoreRefusedException or ImportException)
        {
            throw new StartException(error.Message, innerException: error);
        }

        await feed.Start();
        if (process.Writer is null && process.Remote.Revision > 0)
            await process.Replica.Load().WaitAsync(cancellationToken);
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await feed.Stop();
        await process.Replica.Stop().WaitAsync(cancellationToken);
        if (process.Writer is not null)
            await Writer.Stop().WaitAsync(cancellationToken);
    }

    // The writer answers once it has loaded, which takes as long as it takes. Nobody else can be writing to a store that is this process's alone.
    private async Task Loaded()
    {
        while (true)
        {
            try
            {
                await Writer.Ready();
                return;
            }
            catch (TimeoutException) when (store.IsExclusive)
            {
            }
        }
    }
}
