using System.Net;
using Kine.Host.Metrics;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace Kine.Host.Grpc;

/// <summary>
/// Accepts no more connections than there are file descriptors to spare, as etcd does: the others wait in the operating system's queue until some have gone.
/// The runtime ends the process when it gets no descriptor. Who asks for metrics and health on a port of its own is not kept waiting.
/// </summary>
internal sealed class LimitedListenerFactory(IConnectionListenerFactory sockets, int metricsPort, ILogger log) : IConnectionListenerFactory
{
    // For files, and for connections to the store: as many as etcd keeps.
    private const int ReservedDescriptors = 150;

    // Read once: where no descriptor is left, a read fails, and a listener whose accept fails never accepts again.
    private static readonly long? MaxDescriptors = ProcessLimits.MaxDescriptors;

    // Counted at the first accept, when the store is open and the program loaded: each of its files takes two.
    private readonly Lazy<SemaphoreSlim> _free = new(() => new SemaphoreSlim(
        (int)Math.Clamp((MaxDescriptors ?? int.MaxValue) - ProcessLimits.OpenDescriptors - ReservedDescriptors, 1, int.MaxValue)));

    public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        var listener = await sockets.BindAsync(endpoint, cancellationToken);
        return OperatingSystem.IsLinux() && (metricsPort == 0 || (endpoint as IPEndPoint)?.Port != metricsPort) ? new LimitedListener(listener, _free, log) : listener;
    }

    private sealed class LimitedListener(IConnectionListener listener, Lazy<SemaphoreSlim> places, ILogger log) : IConnectionListener
    {
        private readonly CancellationTokenSource _unbound = new();

        public EndPoint EndPoint => listener.EndPoint;

        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
        {
            var free = places.Value;
            try
            {
                if (!free.Wait(0, CancellationToken.None))
                {
                    log.LogWarning(
                        "All connections are taken that {Limit} file descriptors (ulimit -n) allow: new clients wait until others have gone",
                        MaxDescriptors);
                    await free.WaitAsync(_unbound.Token);
                }
            }
            catch (OperationCanceledException)
            {
                return null;
            }

            ConnectionContext? connection = null;
            try
            {
                connection = await listener.AcceptAsync(cancellationToken);
                return connection is null ? null : new CountedConnection(connection, free);
            }
            finally
            {
                if (connection is null)
                    free.Release();
            }
        }

        public async ValueTask UnbindAsync(CancellationToken cancellationToken = default)
        {
            await _unbound.CancelAsync();
            await listener.UnbindAsync(cancellationToken);
        }

        public async ValueTask DisposeAsync()
        {
            await listener.DisposeAsync();
            _unbound.Dispose();
        }
    }
}
