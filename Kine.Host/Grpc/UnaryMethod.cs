using Google.Protobuf;
using Kine.Grains;

namespace Kine.Host.Grpc;

/// <summary>One message in, one out.</summary>
internal abstract class UnaryMethod<TRequest, TReply>(string service, string name, MessageParser<TRequest> parser)
    : GrpcMethod(service, name, "unary")
    where TRequest : class, IMessage<TRequest>
{
    public sealed override async Task Invoke(GrpcCall call)
    {
        call.Begin(this);
        try
        {
            call.ReadEncoding();
            var request = await call.ReadOnly(parser);
            if (call.MessageLength > GrpcLimits.MaxWriteLength && Writes(request))
            {
                throw EtcdErrors.RequestTooLarge;
            }

            var pending = Handle(request, call.CancellationToken);
            if (!pending.IsCompleted)
            {
                call.WatchClient();
            }

            await Write(call, await pending);
            call.Succeed(this);
        }
        catch (Exception e)
        {
            call.Fail(this, e);
        }
    }

    /// <summary>Answers the request.</summary>
    protected abstract ValueTask<TReply> Handle(TRequest request, CancellationToken cancellationToken);

    /// <summary>Writes the reply as one message.</summary>
    protected abstract ValueTask Write(GrpcCall call, TReply reply);

    /// <summary>True when the request would be written to the log, which bounds its length.</summary>
    protected virtual bool Writes(TRequest request) => false;
}
