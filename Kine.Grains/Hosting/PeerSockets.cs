using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Kine.Grains.Hosting;

/// <summary>Which sockets the silo listens on.</summary>
internal static class PeerSockets
{
    /// <summary>Nobody ever connects, and no port is opened.</summary>
    public static void UseNone(IServiceCollection services) => Replace(services, static _ => new NoListener());

    /// <summary>The silo accepts on a port that was taken before.</summary>
    public static void Use(IServiceCollection services, PeerListener listener) => Replace(services, provider => new SocketTransportFactory(
        Options.Create(new SocketTransportOptions { CreateBoundListenSocket = _ => listener.Socket }), provider.GetRequiredService<ILoggerFactory>()));

    // The keys of Orleans' own listeners are its secret, so they are taken from what stands there.
    private static void Replace(IServiceCollection services, Func<IServiceProvider, IConnectionListenerFactory> create)
    {
        foreach (var listener in services.Where(service => service.IsKeyedService && service.ServiceType == typeof(IConnectionListenerFactory)).ToArray())
        {
            services.Remove(listener);
            services.AddKeyedSingleton(listener.ServiceKey, (provider, _) => create(provider));
        }
    }
}
