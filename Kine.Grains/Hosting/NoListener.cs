using System.Net;
using Microsoft.AspNetCore.Connections;

namespace Kine.Grains.Hosting;

/// <summary>In place of the silo's sockets in a cluster of one: nobody ever connects, and no port is opened.</summary>
internal sealed class NoListener : IConnectionListenerFactory, IConnectionListener
{
    private readonly TaskCompletionSource<ConnectionContext?> _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public EndPoint EndPoint { get; private init; } = new IPEndPoint(IPAddress.Loopback, 0);

    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) =>
        new(new NoListener { EndPoint = endpoint });

    public ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default) => new(_closed.Task.WaitAsync(cancellationToken));

    public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        _closed.TrySetResult(null);
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => UnbindAsync();
}
