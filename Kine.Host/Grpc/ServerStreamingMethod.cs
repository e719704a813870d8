using Google.Protobuf;

namespace Kine.Host.Grpc;

/// <summary>One message in, many out; each is sent as soon as it is there.</summary>
/// <param name="service">For example etcdserverpb.KV.</param>
/// <param name="name">For example RangeStream.</param>
/// <param name="parser">Of the request.</param>
/// <param name="handler">Gives the replies; a failure ends the stream with its status.</param>
internal sealed class ServerStreamingMethod<TRequest, TReply>(
    string service,
    string name,
    MessageParser<TRequest> parser,
    Func<TRequest, CancellationToken, IAsyncEnumerable<TReply>> handler)
    : GrpcMethod(service, name, "server_stream")
    where TRequest : class, IMessage<TRequest>
    where TReply : class, IMessage<TReply>
{
    public override async Task Invoke(GrpcCall call)
    {
        call.Begin(this);
        try
        {
            call.ReadEncoding();
            call.WatchClient();
            call.WatchServer();
            var request = await call.ReadOnly(parser);
            await foreach (var reply in handler(request, call.CancellationToken))
            {
                call.WriteMessage(reply);
                await call.Flush();
            }

            call.Succeed(this);
        }
        catch (Exception e)
        {
            call.Fail(this, e);
        }
    }
}
