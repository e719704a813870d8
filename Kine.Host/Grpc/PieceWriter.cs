using System.Buffers.Binary;
using Grpc.Core;
using Kine.Host.Metrics;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Kine.Host.Grpc;

/// <summary>
/// Writes the replies of a call in pieces, into the response directly; only those that are compressed go through the library. Nothing is sent before
/// <see cref="Flush"/>, the end of the call, or when much is waiting.
/// </summary>
internal sealed class PieceWriter<TReply>(IServerStreamWriter<TReply> replies, ServerCallContext context, CallStats stats)
    where TReply : PieceReply
{
    private const int ResetInternalError = 2; // HTTP/2 error code INTERNAL_ERROR

    private static readonly WriteOptions Buffered = new(WriteFlags.BufferHint);

    private readonly HttpContext _http = context.GetHttpContext();
    private readonly bool _compresses = context.GetHttpContext().Response.Headers.GrpcEncoding.Count != 0;
    private Task? _started;

    /// <summary>The response, for what follows the reply that was begun.</summary>
    public ResponseBuffer Output { get; } = new(context.GetHttpContext().Response.BodyWriter);

    /// <summary>True when a reply of that length is compressed: then all of it has to be at hand.</summary>
    public bool Compresses(long length) => _compresses && length <= GrpcLimits.MaxCompressedReply;

    /// <summary>Writes what is at hand of a reply, and sends while much is waiting.</summary>
    /// <exception cref="RpcException">It is longer than gRPC can say.</exception>
    public async ValueTask Write(TReply reply)
    {
        if (reply.Length > int.MaxValue)
            throw GrpcErrors.ReplyTooLarge(reply.Length);

        stats.Send(reply.Length);
        if (Compresses(reply.Length))
        {
            reply.Enough = int.MaxValue;
            replies.WriteOptions = Buffered;
            await replies.WriteAsync(reply);
        }
        else
        {
            reply.Enough = GrpcLimits.FlushThreshold;
            await (_started ??= _http.Response.StartAsync()); // The library, too, puts the status behind the messages from then on.
            Begin((int)reply.Length);
            reply.Write(Output);
        }

        await Continue(reply);
    }

    /// <summary>Writes more of the reply that was begun.</summary>
    public async ValueTask Continue(TReply reply)
    {
        while (!reply.IsWritten)
        {
            await Flush();
            reply.Write(Output);
        }

        Output.Commit();
        if (Output.Unflushed >= GrpcLimits.FlushThreshold)
            await Flush();
    }

    /// <summary>Sends what was written, and waits while the client is slow to take it.</summary>
    /// <exception cref="OperationCanceledException">The client is gone, or the call was cancelled meanwhile.</exception>
    public async ValueTask Flush()
    {
        var sent = await Output.Flush();
        context.CancellationToken.ThrowIfCancellationRequested();
        if (sent.IsCompleted || sent.IsCanceled)
            throw new OperationCanceledException();
    }

    /// <summary>Part of a reply is out: only a reset tells the client that the rest never comes.</summary>
    public void Break() => _http.Features.GetRequiredFeature<IHttpResetFeature>().Reset(ResetInternalError);

    private void Begin(int length)
    {
        var prefix = Output.GetSpan(GrpcLimits.PrefixLength);
        prefix[0] = 0;
        BinaryPrimitives.WriteInt32BigEndian(prefix[1..], length);
        Output.Advance(GrpcLimits.PrefixLength);
    }
}
