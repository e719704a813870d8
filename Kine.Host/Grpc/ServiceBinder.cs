using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using Google.Protobuf;
using Grpc.Core;
using Kine.Grains.Requests;
using Kine.Host.Metrics;

namespace Kine.Host.Grpc;

/// <summary>
/// Collects the methods of all services. Each gets marshallers that count its messages and refuse malformed ones with etcd's words. What is bound by hand
/// goes before the generated binding of the same method.
/// </summary>
/// <param name="errors">Turns what a method throws into etcd's errors.</param>
internal sealed class ServiceBinder(ErrorTranslation errors) : ServiceBinderBase
{
    private const string Unary = "unary";
    private const string ServerStream = "server_stream";
    private const string DuplexStream = "bidi_stream";

    private static readonly Marshaller<object> Unread = Marshallers.Create<object>((_, _) => throw new NotSupportedException(), _ => new object());

    private readonly ServerServiceDefinition.Builder _definition = ServerServiceDefinition.CreateBuilder();
    private readonly Dictionary<string, CallStats> _methods = new(StringComparer.Ordinal);

    /// <summary>The methods by path.</summary>
    public IReadOnlyDictionary<string, CallStats> Methods => _methods;

    /// <summary>All that was added.</summary>
    public ServerServiceDefinition Build() => _definition.Build();

    public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, UnaryServerMethod<TRequest, TResponse>? handler)
    {
        if (TryCount(method, Unary, out var stats))
        {
            var own = Own(method, Reads<TRequest>(stats, GrpcErrors.BadRequestMessage), WritesMessages<TResponse>(stats));
            _definition.AddMethod(own, async (TRequest request, ServerCallContext context) =>
            {
                try
                {
                    return await handler!(request, context);
                }
                catch (Exception error)
                {
                    throw errors.Translate(error, context);
                }
            });
        }
    }

    public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, ServerStreamingServerMethod<TRequest, TResponse>? handler)
    {
        if (TryCount(method, ServerStream, out var stats))
            AddStream(Own(method, Reads<TRequest>(stats, GrpcErrors.BadRequestMessage), WritesMessages<TResponse>(stats)), handler!);
    }

    public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, DuplexStreamingServerMethod<TRequest, TResponse>? handler)
    {
        if (TryCount(method, DuplexStream, out var stats))
            AddStreams(Own(method, Reads<TRequest>(stats, GrpcErrors.BadStreamMessage), WritesMessages<TResponse>(stats)), handler!);
    }

    /// <summary>Adds a method with one reply, written in pieces: on the wire it is the same as a stream of one.</summary>
    public void AddInPieces<TRequest, TReply>(string service, string name, Func<TRequest, PieceWriter<TReply>, ServerCallContext, Task> handler)
        where TRequest : class, IMessage
        where TReply : PieceReply
    {
        var method = new Method<TRequest, TReply>(MethodType.ServerStreaming, service, name, Unused<TRequest>(), Unused<TReply>());
        if (TryCount(method, Unary, out var stats))
        {
            AddStream(
                Own(method, Reads<TRequest>(stats, GrpcErrors.BadRequestMessage), WritesPieces<TReply>()),
                (request, replies, context) => handler(request, new PieceWriter<TReply>(replies, context, stats), context));
        }
    }

    /// <summary>Adds a method of streams both ways, whose replies are written in pieces.</summary>
    public void AddInPieces<TRequest, TReply>(string service, string name, Func<IAsyncStreamReader<TRequest>, PieceWriter<TReply>, ServerCallContext, Task> handler)
        where TRequest : class, IMessage
        where TReply : PieceReply
    {
        var method = new Method<TRequest, TReply>(MethodType.DuplexStreaming, service, name, Unused<TRequest>(), Unused<TReply>());
        if (TryCount(method, DuplexStream, out var stats))
        {
            AddStreams(
                Own(method, Reads<TRequest>(stats, GrpcErrors.BadStreamMessage), WritesPieces<TReply>()),
                (requests, replies, context) => handler(requests, new PieceWriter<TReply>(replies, context, stats), context));
        }
    }

    /// <summary>Adds methods of the API that this server does not have: Unimplemented, with the reason. Their requests are not looked at.</summary>
    public void Refuse(string service, string reason, params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            var method = new Method<object, object>(MethodType.Unary, service, name, Unread, Unread);
            if (TryCount(method, Unary, out _))
                _definition.AddMethod(method, (object _, ServerCallContext _) => Task.FromException<object>(GrpcErrors.Unimplemented(reason)));
        }
    }

    private void AddStream<TRequest, TReply>(Method<TRequest, TReply> method, ServerStreamingServerMethod<TRequest, TReply> handler)
        where TRequest : class
        where TReply : class =>
        _definition.AddMethod(method, async (TRequest request, IServerStreamWriter<TReply> replies, ServerCallContext context) =>
        {
            try
            {
                await handler(request, replies, context);
            }
            catch (Exception error)
            {
                throw errors.Translate(error, context);
            }
        });

    private void AddStreams<TRequest, TReply>(Method<TRequest, TReply> method, DuplexStreamingServerMethod<TRequest, TReply> handler)
        where TRequest : class
        where TReply : class =>
        _definition.AddMethod(method, async (IAsyncStreamReader<TRequest> requests, IServerStreamWriter<TReply> replies, ServerCallContext context) =>
        {
            try
            {
                await handler(requests, replies, context);
            }
            catch (Exception error)
            {
                throw errors.Translate(error, context);
            }
        });

    private bool TryCount(IMethod method, string shape, [NotNullWhen(true)] out CallStats? stats)
    {
        stats = new CallStats(shape, method.ServiceName, method.Name);
        return _methods.TryAdd(method.FullName, stats);
    }

    private static Method<TRequest, TReply> Own<TRequest, TReply>(Method<TRequest, TReply> method, Marshaller<TRequest> reads, Marshaller<TReply> writes)
        where TRequest : class
        where TReply : class => new(method.Type, method.ServiceName, method.Name, reads, writes);

    private static Marshaller<T> Unused<T>() => Marshallers.Create<T>((_, _) => throw new NotSupportedException(), _ => throw new NotSupportedException());

    private static Marshaller<T> Reads<T>(CallStats stats, Func<string, RpcException> refuse) => Marshallers.Create(
        (_, _) => throw new NotSupportedException(),
        context =>
        {
            var payload = context.PayloadAsReadOnlySequence();
            stats.Receive(payload.Length);
            return Parse<T>(payload, refuse);
        });

    private static Marshaller<T> WritesMessages<T>(CallStats stats) => Marshallers.Create<T>(
        (reply, context) =>
        {
            var message = (IMessage)reply!;
            var length = message.CalculateSize();
            stats.Send(length);
            context.SetPayloadLength(length);
            message.WriteTo(context.GetBufferWriter());
            context.Complete();
        },
        _ => throw new NotSupportedException());

    private static Marshaller<T> WritesPieces<T>()
        where T : PieceReply => Marshallers.Create<T>(
        (reply, context) =>
        {
            context.SetPayloadLength((int)reply.Length);
            reply.Write(context.GetBufferWriter());
            context.Complete();
        },
        _ => throw new NotSupportedException());

    private static T Parse<T>(ReadOnlySequence<byte> payload, Func<string, RpcException> refuse)
    {
        try
        {
            return (T)DeepMessages.Parse(static () => (IMessage)Activator.CreateInstance<T>()!, payload);
        }
        catch (InvalidProtocolBufferException error)
        {
            throw refuse(error.Message);
        }
    }
}
