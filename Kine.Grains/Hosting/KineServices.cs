using Kine.Backends;
using Kine.Grains.Cluster;
using Kine.Grains.Fencing;
using Kine.Grains.Watch;
using Kine.Grains.Writing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Kine.Grains.Hosting;

/// <summary>What the grains and the front end of one process share, whichever grain runtime carries them.</summary>
public static class KineServices
{
    /// <summary>Adds the process's store, caches, watches and keyspace.</summary>
    public static IServiceCollection AddKineServices(
        this IServiceCollection services, IRevisionStore store, WriterOptions writer, WatchHubOptions watches)
    {
        services.TryAddSingleton<ProofClock>();
        return services
            .AddSingleton(store)
            .AddSingleton(writer)
            .AddSingleton(watches)
            .AddSingleton<Candidacy>()
            .AddSingleton<ProcessState>()
            .AddSingleton<IEventHistory, EventHistory>()
            .AddSingleton<WatchHub>()
            .AddSingleton<FollowerFeed>()
            .AddSingleton<IEtcdApi, EtcdApi>();
    }
}
