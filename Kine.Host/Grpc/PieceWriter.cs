using System.IO.Pipelines;
using Grpc.AspNetCore.Server;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Kine.Host.Grpc;

/// <summary>
/// Writes the replies of a call in pieces. The library begins a message, with its length; what follows goes into the response directly. Nothing is sent
/// before <see cref="Flush"/>, the end of the call, or when much is waiting.
/// </summary>
internal sealed class PieceWriter<TReply>(IServerStreamWriter<TReply> replies, ServerCallContext context)
    where TReply : PieceReply
{
    private const int ResetInternalError = 2; // HTTP/2 error code INTERNAL_ERROR

    private static readonly WriteOptions Buffered = new(WriteFlags.BufferHint);
    private static readonly WriteOptions BufferedPlain = new(WriteFlags.BufferHint | WriteFlags.NoCompress);

    private readonly HttpContext _http = context.GetHttpContext();

    /// <summary>The response, for what follows the reply that was begun.</summary>
    public PipeWriter Output { get; } = context.GetHttpContext().Response.BodyWriter;

    /// <summary>True when a reply of that length is compressed: then all of it has to be at hand.</summary>
    public bool Compresses(long length) => _http.Response.Headers.GrpcEncoding.Count != 0 && length <= GrpcLimits.MaxCompressedReply;

    /// <summary>Writes what is at hand of a reply, and sends while much is waiting.</summary>
    /// <exception cref="RpcException">It is longer than gRPC can say.</exception>
    public async ValueTask Write(TReply reply)
    {
        if (reply.Length > int.MaxValue)
        {
            throw GrpcErrors.ReplyTooLarge(reply.Length);
        }

        var compress = Compresses(reply.Length);
        replies.WriteOptions = compress ? Buffered : BufferedPlain;
        reply.Enough = compress ? int.MaxValue : GrpcLimits.FlushThreshold;
        await replies.WriteAsync(reply);
        while (!reply.IsWritten)
        {
            await Flush();
            reply.Write(Output);
        }

        if (Output.UnflushedBytes >= GrpcLimits.FlushThreshold)
        {
            await Flush();
        }
    }

    /// <summary>Sends what was written, and waits while the client is slow to take it.</summary>
    /// <exception cref="OperationCanceledException">The client is gone, or the call was cancelled meanwhile.</exception>
    public async ValueTask Flush()
    {
        var sent = await Output.FlushAsync(CancellationToken.None);
        context.CancellationToken.ThrowIfCancellationRequested();
        if (sent.IsCompleted || sent.IsCanceled)
        {
            throw new OperationCanceledException();
        }
    }

    /// <summary>Part of a reply is out: only a reset tells the client that the rest never comes.</summary>
    public void Break() => _http.Features.GetRequiredFeature<IHttpResetFeature>().Reset(ResetInternalError);
}
