using Grpc.Core;
using Kine.Grains;

namespace Kine.Host.Grpc;

/// <summary>Errors of gRPC itself, with the codes and texts that clients of etcd's server (grpc-go) know.</summary>
internal static class GrpcErrors
{
    /// <summary>The text of a deadline that has passed, wherever it is noticed.</summary>
    public const string DeadlineText = "context deadline exceeded";

    public static RpcException MessageTooLarge(long length, int limit) =>
        New(StatusCode.ResourceExhausted, $"grpc: received message larger than max ({length} vs. {limit})");

    public static RpcException DecompressedTooLarge(long length, int limit) =>
        New(StatusCode.ResourceExhausted, $"grpc: received message after decompression larger than max ({length} vs. {limit})");

    public static RpcException ReplyTooLarge(long length) =>
        New(StatusCode.ResourceExhausted, $"grpc: trying to send message larger than max ({length} vs. {int.MaxValue})");

    public static RpcException UnexpectedEnd => New(StatusCode.Internal, "unexpected EOF");

    public static RpcException NoRequestMessage =>
        New(StatusCode.Internal, "cardinality violation: received no request message from non-client-streaming RPC");

    public static RpcException SecondRequestMessage =>
        New(StatusCode.Internal, "cardinality violation: received multiple request messages for non-client-streaming RPC");

    public static RpcException BadPayloadFormat(byte flag) => New(StatusCode.Internal, $"grpc: received unexpected payload format {flag}");

    public static RpcException CompressedWithoutEncoding => New(StatusCode.Internal, "grpc: compressed flag set with identity or empty encoding");

    public static RpcException UnknownEncoding(string encoding) =>
        New(StatusCode.Unimplemented, $"grpc: Decompressor is not installed for grpc-encoding \"{encoding}\"");

    public static RpcException BadCompression(string reason) => New(StatusCode.Internal, $"grpc: failed to decompress the received message: {reason}");

    public static RpcException BadRequestMessage(string reason) => New(StatusCode.Internal, $"grpc: error unmarshalling request: {reason}");

    public static RpcException BadStreamMessage(string reason) => New(StatusCode.Internal, $"grpc: failed to unmarshal the received message: {reason}");

    public static RpcException BadTimeout(string value) => New(StatusCode.Internal, $"malformed grpc-timeout: \"{value}\"");

    public static RpcException BadContentType(string value) => New(StatusCode.InvalidArgument, $"invalid gRPC request content-type \"{value}\"");

    public static RpcException BadVerb(string verb) =>
        New(StatusCode.Internal, $"Received a HEADERS frame with :method \"{verb}\" which should be POST");

    public static RpcException BadPath(string path) => New(StatusCode.Unimplemented, $"malformed method name: \"{path}\"");

    public static RpcException UnknownService(string service) => New(StatusCode.Unimplemented, $"unknown service {service}");

    public static RpcException UnknownMethod(string service, string method) =>
        New(StatusCode.Unimplemented, $"unknown method {method} for service {service}");

    public static RpcException Unimplemented(string reason) => New(StatusCode.Unimplemented, reason);

    public static RpcException DeadlineExceeded => New(StatusCode.DeadlineExceeded, DeadlineText);

    public static RpcException Cancelled => New(StatusCode.Cancelled, "context canceled");

    /// <summary>What a fault of our own tells the client: nothing but that there was one. The log has the rest.</summary>
    public static RpcException Fault => New(StatusCode.Internal, "etcdserver: internal error, see the server's log");

    /// <summary>An error of the API as gRPC carries it.</summary>
    public static RpcException Of(EtcdException error) => New(error.Code, error.Message);

    private static RpcException New(StatusCode code, string text) => new(new Status(code, text));
}
