using Kine.Backends;
using Kine.Grains.Cluster;
using Kine.Grains.Fencing;
using Kine.Grains.Watch;
using Kine.Grains.Writing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;

namespace Kine.Grains.Hosting;

/// <summary>Everything behind the front end.</summary>
public static class KineServices
{
    /// <summary>
    /// Adds store, silo and writer to a host. As hosted services they start in this order and stop in the opposite one; what answers clients is added after
    /// them.
    /// </summary>
    public static IServiceCollection AddKine(
        this IServiceCollection services, IRevisionStore store, WriterOptions writer, WatchHubOptions watches, GrainHostingOptions grains)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<ProofClock>();
        services
            .AddSingleton(store)
            .AddSingleton<ProcessFailure>()
            .AddSingleton(provider => writer with { Fatal = provider.GetRequiredService<ProcessFailure>().Report })
            .AddSingleton(watches)
            .AddSingleton<Candidacy>()
            .AddSingleton<ProcessState>()
            .AddSingleton<IEventHistory, EventHistory>()
            .AddSingleton<WatchHub>()
            .AddSingleton<FollowerFeed>()
            .AddSingleton<IEtcdApi, EtcdApi>()
            .AddSingleton<WriterService>()
            .AddSingleton<IStoreStatus>(provider => provider.GetRequiredService<WriterService>());
        services.AddHostedService<StoreService>();
        services.AddOrleans(silo => silo.ConfigureKineSilo(grains));
        if (grains.Peers is not null)
            services.AddHostedService<PeerNews>();

        services.AddHostedService(provider => provider.GetRequiredService<WriterService>());
        return services;
    }
}
