using Grpc.Core;
using Kine.Etcd;
using Kine.Grains.Watch;
using Kine.Host.Grpc;

namespace Kine.Host.Services;

/// <summary>etcd v3 API, Watch. One task takes the client's requests, the other writes what its watches have to say.</summary>
internal sealed class WatchService(WatchHub watches)
{
    /// <summary>Adds the service.</summary>
    public static void Bind(ServiceBinder binder, WatchHub watches) =>
        binder.AddInPieces<WatchRequest, WatchMessage>("etcdserverpb.Watch", "Watch", new WatchService(watches).Watch);

    private async Task Watch(IAsyncStreamReader<WatchRequest> requests, PieceWriter<WatchMessage> writer, ServerCallContext context)
    {
        using var stream = watches.OpenStream();

        // Ends the reader when the hub ends the stream while the client is silent, and the writer when the client goes or the server stops.
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken);
        using var gone = ending.Token.UnsafeRegister(static state => ((WatchStream)state!).Dispose(), stream);
        var receiving = Receive(requests, stream, ending.Token);
        try
        {
            await Send(stream, writer);
        }
        finally
        {
            await ending.CancelAsync();
            await receiving;
        }

        context.CancellationToken.ThrowIfCancellationRequested();
    }

    // A client that ends its side goes on getting events, as from etcd: only going away ends its watches. A message that cannot be read ends the call.
    private static async Task Receive(IAsyncStreamReader<WatchRequest> requests, WatchStream stream, CancellationToken ending)
    {
        try
        {
            while (await requests.MoveNext(ending))
                await stream.Receive(requests.Current);
        }
        catch (OperationCanceledException) when (ending.IsCancellationRequested)
        {
            return;
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    private static async Task Send(WatchStream stream, PieceWriter<WatchMessage> writer)
    {
        var message = new WatchMessage();
        while (await stream.WaitToRead())
        {
            var wrote = false;
            for (; stream.TryRead(out var reply); wrote = true)
                await writer.Write(message.With(reply));

            if (wrote)
                await writer.Flush();
        }
    }
}
