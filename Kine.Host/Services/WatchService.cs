using Kine.Etcd;
using Kine.Grains.Watch;
using Kine.Host.Grpc;

namespace Kine.Host.Services;

/// <summary>etcd v3 API, Watch. One task takes the client's requests, the other writes what its watches have to say.</summary>
internal static class WatchService
{
    public const string Name = "etcdserverpb.Watch";

    public static void Bind(MethodTable methods, WatchHub watches) =>
        methods.Add(new DuplexMethod(Name, "Watch", call => Watch(call, watches)));

    private static async Task Watch(GrpcCall call, WatchHub watches)
    {
        using var stream = watches.OpenStream();

        // Wakes the writer when the client goes or the server stops.
        using var gone = call.CancellationToken.UnsafeRegister(static state => ((WatchStream)state!).Dispose(), stream);
        var receiving = Receive(call, stream);
        try
        {
            await Send(call, stream);
        }
        finally
        {
            stream.Dispose();
            call.EndReading(); // the hub may end the stream while the client is silent
            await receiving;
        }

        call.CancellationToken.ThrowIfCancellationRequested();
    }

    // A client that ends its side goes on getting events, as from etcd: only going away ends its watches. A message that cannot be read ends the call.
    private static async Task Receive(GrpcCall call, WatchStream stream)
    {
        try
        {
            while (await call.Read(WatchRequest.Parser) is { } request)
            {
                await stream.Receive(request);
            }
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    private static async Task Send(GrpcCall call, WatchStream stream)
    {
        while (await stream.WaitToRead())
        {
            while (stream.TryRead(out var reply))
            {
                call.BeginMessage(reply.Length);
                while (!reply.Write(call.Output, GrpcLimits.FlushThreshold))
                {
                    await call.Flush();
                }

                call.Wrote((int)reply.Length);
                if (call.UnflushedBytes >= GrpcLimits.FlushThreshold)
                {
                    await call.Flush();
                }
            }

            await call.Flush();
        }
    }
}
