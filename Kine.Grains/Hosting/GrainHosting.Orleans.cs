#if ORLEANS
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;
using Orleans.Hosting;
using Orleans.Serialization;

namespace Kine.Grains.Hosting;

public static partial class GrainHosting
{
    /// <summary>What every silo of the product needs, however its cluster is formed.</summary>
    public static ISiloBuilder ConfigureKineSilo(this ISiloBuilder silo, GrainHostingOptions options)
    {
        silo.Services.TryAddSingleton(TimeProvider.System);

        // The default directory is eventually consistent: when a silo joins, it may lose sight of the writer for a moment and begin a second one, which takes the
        // store from the first.
#pragma warning disable ORLEANSEXP003
        silo.AddDistributedGrainDirectory();
#pragma warning restore ORLEANSEXP003
        silo.Services.AddSerializer(serializer => serializer.AddProtobufSerializer());
        silo.Configure<GrainCollectionOptions>(collection =>
        {
            collection.CollectionAge = options.IdleAfter;
            collection.CollectionQuantum = options.IdleAfter / 4;
            collection.DeactivationTimeout = options.DeactivationTimeout;

            // The writer loads its index while it is activated: that takes as long as it takes.
            collection.ActivationTimeout = Timeout.InfiniteTimeSpan;
        });
        silo.AddIncomingGrainCallFilter<StoreErrorFilter>();
        silo.Configure<SiloMessagingOptions>(messaging => messaging.ResponseTimeout = options.ResponseTimeout);
        return silo;
    }

    static partial void AddRuntime(IServiceCollection services, GrainHostingOptions options)
    {
        options.Configure?.Invoke(services);
        if (services.LastOrDefault(service => service.ServiceType == typeof(ILoggerFactory))?.ImplementationInstance is ILoggerFactory log)
        {
            services.Replace(ServiceDescriptor.Singleton<ILoggerFactory>(new RefusedActivationFilter(log)));
        }

        services.AddOrleans(silo => silo
            .UseLocalhostClustering(
                options.SiloPort == 0 ? FreePort() : options.SiloPort,
                options.GatewayPort,
                options.PrimarySiloPort == 0 ? null : new IPEndPoint(IPAddress.Loopback, options.PrimarySiloPort))
            .ConfigureKineSilo(options));
    }

    // The cluster's membership names the port, so that the silo cannot leave the choice to its own listener.
    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
#endif
