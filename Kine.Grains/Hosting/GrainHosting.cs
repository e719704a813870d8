using System.Net;
using Kine.Backends;
using Kine.Grains.Cluster;
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
    private static readonly TimeSpan RefreshTime = TimeSpan.FromSeconds(5); // in which a silo that slept hears that it is dead
    private static readonly TimeSpan JoinTime = TimeSpan.FromSeconds(20); // in which others that live have to be reached
    private static readonly TimeSpan DeadTime = TimeSpan.FromMinutes(10); // how long those that ended are remembered
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
        if (options.Peers is null && options.SiloPort == 0)
        {
            silo.UseLocalhostClustering(gatewayPort: 0);
            PeerSockets.UseNone(silo.Services);
            BeStill(silo);
            return;
        }

        silo.Configure<ClusterMembershipOptions>(membership =>
        {
            membership.ProbeTimeout = membership.MinProbeTimeout = membership.MaxProbeTimeout = ProbeTime;
            membership.NumMissedProbesLimit = MissedProbes;
            membership.IAmAliveTablePublishTimeout = SilentSilos.SignOfLife;
            membership.TableRefreshTimeout = RefreshTime;
            membership.MaxJoinAttemptTime = JoinTime;
            membership.EvictWhenMaxJoinAttemptTimeExceeded = false;
            membership.DefunctSiloExpiration = membership.DefunctSiloMinimumRetention = DeadTime;
            membership.DefunctSiloCleanupPeriod = DeadTime;
        });

        // Nobody finds the writer for that long after a crash. The store's fence keeps the writer single, so that the directory need not.
        silo.Configure<GrainDirectoryOptions>(directory => directory.RangeLeaseDuration = ProbeTime);
        if (options.Peers is { } peers)
        {
            AddPeers(silo, peers, options);
        }
        else
        {
            silo.UseLocalhostClustering(
                options.SiloPort,
                options.GatewayPort,
                options.PrimarySiloPort == 0 ? null : new IPEndPoint(IPAddress.Loopback, options.PrimarySiloPort));
        }

        // The default directory is eventually consistent: when a silo joins, it may lose sight of the writer for a moment and begin a second one, which takes the
        // store from the first.
#pragma warning disable ORLEANSEXP003
        silo.AddDistributedGrainDirectory();
#pragma warning restore ORLEANSEXP003
    }

    private static void AddPeers(ISiloBuilder silo, PeerListener peers, GrainHostingOptions options)
    {
        // A store has one cluster, which nobody else can name: who belongs to it stands in the store.
        silo.Configure<ClusterOptions>(static cluster => cluster.ClusterId = cluster.ServiceId = "kine");
        silo.Configure<EndpointOptions>(endpoints =>
        {
            endpoints.AdvertisedIPAddress = peers.Advertised.Address;
            endpoints.SiloPort = peers.Advertised.Port;
            endpoints.GatewayPort = 0;
        });
        PeerSockets.Use(silo.Services, peers);
        DocumentMembershipTable.AddTo(silo.Services, static provider => provider.GetRequiredService<IRevisionStore>().Membership
            ?? throw new InvalidOperationException("The store is one process's alone."));
        PeerTls.Use(silo, options.PeerFiles, [.. options.ClientUrls]);
        silo.Services.AddSingleton(provider => ActivatorUtilities.CreateInstance<SilentSilos>(provider, peers.Advertised));
        silo.Services.AddSingleton<IClusterMembers, PeerMembers>();
        silo.Services.AddSingleton<IFatalErrorHandler, LostSilo>();
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
