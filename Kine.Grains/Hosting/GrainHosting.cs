using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Orleans.Configuration;
using Orleans.Runtime;
using Orleans.Serialization;
using Orleans.Serialization.Cloning;
using Orleans.Serialization.Serializers;
using Orleans.Statistics;
using Polly;

namespace Kine.Grains.Hosting;

/// <summary>
/// Makes a process a silo. It starts and stops as a hosted service (Microsoft.Extensions.Hosting.IHostedService); services to be had: IGrainFactory, TimeProvider.
/// </summary>
public static class GrainHosting
{
    private const int MostGrains = 16 * 1024; // that a silo remembers the place of; Orleans' own million takes 9 MB at the first call
    private const int MissedProbes = 3; // after which a silo is dead
    private static readonly TimeSpan ProbeTime = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Forever = TimeSpan.FromDays(20); // waits end at 24 days

    /// <summary>What every silo of the product needs: its cluster, its directory, and how messages travel. For <c>UseOrleans</c> of a host.</summary>
    public static ISiloBuilder ConfigureKineSilo(this ISiloBuilder silo, GrainHostingOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        silo.Services.TryAddSingleton(TimeProvider.System);
        AddCluster(silo, options);
        AddMessages(silo.Services);
        silo.Configure<GrainCollectionOptions>(collection =>
        {
            collection.CollectionAge = options.IdleAfter;
            collection.CollectionQuantum = options.IdleAfter / 4;
            collection.DeactivationTimeout = options.DeactivationTimeout;

            // The writer loads its index while it is activated: that takes as long as it takes.
            collection.ActivationTimeout = Timeout.InfiniteTimeSpan;
        });
        silo.Configure<GrainDirectoryOptions>(directory => directory.CacheSize = MostGrains);
        silo.Configure<SiloMessagingOptions>(messaging => messaging.ResponseTimeout = options.ResponseTimeout);
        silo.Services.AddSingleton<IEnvironmentStatisticsProvider, NoStatistics>();
        silo.Services.AddSingleton<PlacementStrategy, RandomPlacement>();
        silo.Services.AddTransient<ResiliencePipelineBuilder>(); // the stock one keeps telemetry of each retry, and loads an HTTP client for it
        silo.Configure<DeploymentLoadPublisherOptions>(load => load.DeploymentLoadPublisherRefreshTime = TimeSpan.Zero);
        options.Configure?.Invoke(silo.Services);
        return silo;
    }

    private static void AddCluster(ISiloBuilder silo, GrainHostingOptions options)
    {
        if (options.SiloPort == 0)
        {
            silo.UseLocalhostClustering(gatewayPort: 0);
            NoListener.Replace(silo.Services);
            BeStill(silo);
            return;
        }

        silo.Configure<ClusterMembershipOptions>(membership =>
        {
            membership.ProbeTimeout = membership.MinProbeTimeout = membership.MaxProbeTimeout = ProbeTime;
            membership.NumMissedProbesLimit = MissedProbes;
        });

        // Nobody finds the writer for that long after a crash. The store's fence keeps the writer single, so that the directory need not.
        silo.Configure<GrainDirectoryOptions>(directory => directory.RangeLeaseDuration = ProbeTime);
        silo.UseLocalhostClustering(
            options.SiloPort,
            options.GatewayPort,
            options.PrimarySiloPort == 0 ? null : new IPEndPoint(IPAddress.Loopback, options.PrimarySiloPort));

        // The default directory is eventually consistent: when a silo joins, it may lose sight of the writer for a moment and begin a second one, which takes the
        // store from the first.
#pragma warning disable ORLEANSEXP003
        silo.AddDistributedGrainDirectory();
#pragma warning restore ORLEANSEXP003
    }

    // The loops that probe and count silos, and look for stalls before they blame others, wake a process ten times a second that is alone.
    private static void BeStill(ISiloBuilder silo)
    {
        var clock = new StillClock();
        silo.Services.AddKeyedSingleton<TimeProvider>(TimeProviderNames.Membership, clock);
        silo.Services.AddKeyedSingleton<TimeProvider>(TimeProviderNames.SystemTimers, clock);
        silo.Configure<ClusterMembershipOptions>(membership => membership.LocalHealthDegradationMonitoringPeriod = Forever);
    }

    private static void AddMessages(IServiceCollection services)
    {
        services.AddSingleton<ProtobufCodec>();
        services.AddSingleton<IGeneralizedCodec>(provider => provider.GetRequiredService<ProtobufCodec>());
        services.AddSingleton<IGeneralizedCopier>(provider => provider.GetRequiredService<ProtobufCodec>());
        services.AddSingleton<ITypeFilter>(provider => provider.GetRequiredService<ProtobufCodec>());

        // What a store says travels as it is: the caller's side knows what to make of it.
        services.Configure<ExceptionSerializationOptions>(exceptions => exceptions.SupportedNamespacePrefixes.Add("Kine"));
    }
}
