using Google.Protobuf;

namespace Kine.Host.Grpc;

/// <summary>A unary method whose reply is a message.</summary>
/// <param name="service">For example etcdserverpb.KV.</param>
/// <param name="name">For example Put.</param>
/// <param name="parser">Of the request.</param>
/// <param name="handler">Answers a request; errors are <see cref="Kine.Grains.EtcdException"/>.</param>
/// <param name="writes">Tells whether a request would be written to the log, which bounds its length; null = never.</param>
internal sealed class MessageMethod<TRequest, TReply>(
    string service,
    string name,
    MessageParser<TRequest> parser,
    Func<TRequest, CancellationToken, Task<TReply>> handler,
    Predicate<TRequest>? writes = null)
    : UnaryMethod<TRequest, TReply>(service, name, parser)
    where TRequest : class, IMessage<TRequest>
    where TReply : class, IMessage<TReply>
{
    protected override ValueTask<TReply> Handle(TRequest request, CancellationToken cancellationToken) => new(handler(request, cancellationToken));

    protected override ValueTask Write(GrpcCall call, TReply reply)
    {
        call.WriteMessage(reply);
        return ValueTask.CompletedTask;
    }

    protected override bool Writes(TRequest request) => writes?.Invoke(request) ?? false;
}
