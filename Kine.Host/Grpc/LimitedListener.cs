using System.Net;
using Kine.Host.Metrics;
using Microsoft.AspNetCore.Connections;

namespace Kine.Host.Grpc;

/// <summary>
/// Accepts no more connections than there are file descriptors to spare, as etcd does: the others wait in the operating system's queue until some have gone.
/// The runtime ends the process when it gets no descriptor. Who asks for metrics and health on a port of its own is not kept waiting.
/// </summary>
internal sealed class LimitedListenerFactory(IConnectionListenerFactory sockets, int metricsPort) : IConnectionListenerFactory
{
    // For files, and for connections to the store: as many as etcd keeps.
    private const int ReservedDescriptors = 150;

    // Counted at the first accept, when the store is open and the program loaded: each of its files takes two.
    private readonly Lazy<SemaphoreSlim> _free = new(() => new SemaphoreSlim(
        (int)Math.Clamp((ProcessLimits.MaxDescriptors ?? int.MaxValue) - ProcessLimits.OpenDescriptors - ReservedDescriptors, 1, int.MaxValue)));

    public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        var listener = await sockets.BindAsync(endpoint, cancellationToken);
        return OperatingSystem.IsLinux() && (metricsPort == 0 || (endpoint as IPEndPoint)?.Port != metricsPort) ? new LimitedListener(listener, _free) : listener;
    }

    private sealed class LimitedListener(IConnectionListener listener, Lazy<SemaphoreSlim> free) : IConnectionListener
    {
        private readonly CancellationTokenSource _unbound = new();

        public EndPoint EndPoint => listener.EndPoint;

        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
        {
            try
            {
                await free.Value.WaitAsync(_unbound.Token);
            }
            catch (OperationCanceledException)
            {
                return null;
            }

            var connection = await listener.AcceptAsync(cancellationToken);
            if (connection is null)
                free.Value.Release();
            else
                connection.ConnectionClosed.UnsafeRegister(static free => ((SemaphoreSlim)free!).Release(), free.Value);

            return connection;
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
