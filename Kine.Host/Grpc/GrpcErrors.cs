using System.Globalization;
using Kine.Grains;

namespace Kine.Host.Grpc;

/// <summary>Errors of the frame layer, with the codes and texts that clients of etcd's server (grpc-go) know.</summary>
internal static class GrpcErrors
{
    public static EtcdException MessageTooLarge(long length, int limit) =>
        new(StatusCode.ResourceExhausted, Invariant($"grpc: received message larger than max ({length} vs. {limit})"));

    public static EtcdException DecompressedTooLarge(long length, int limit) =>
        new(StatusCode.ResourceExhausted, Invariant($"grpc: received message after decompression larger than max ({length} vs. {limit})"));

    public static EtcdException ReplyTooLarge(long length) =>
        new(StatusCode.ResourceExhausted, Invariant($"grpc: trying to send message larger than max ({length} vs. {int.MaxValue})"));

    public static EtcdException UnexpectedEnd => new(StatusCode.Internal, "unexpected EOF");

    public static EtcdException NoRequestMessage => new(StatusCode.Internal, "cardinality violation: received no request message from non-client-streaming RPC");

    public static EtcdException SecondRequestMessage =>
        new(StatusCode.Internal, "cardinality violation: received multiple request messages for non-client-streaming RPC");

    public static EtcdException BadPayloadFormat(byte flag) => new(StatusCode.Internal, Invariant($"grpc: received unexpected payload format {flag}"));

    public static EtcdException CompressedWithoutEncoding => new(StatusCode.Internal, "grpc: compressed flag set with identity or empty encoding");

    public static EtcdException UnknownEncoding(string encoding) =>
        new(StatusCode.Unimplemented, $"grpc: Decompressor is not installed for grpc-encoding \"{encoding}\"");

    public static EtcdException BadCompression(string reason) => new(StatusCode.Internal, $"grpc: failed to decompress the received message: {reason}");

    public static EtcdException BadRequestMessage(string reason) => new(StatusCode.Internal, $"grpc: error unmarshalling request: {reason}");

    public static EtcdException BadStreamMessage(string reason) => new(StatusCode.Internal, $"grpc: failed to unmarshal the received message: {reason}");

    public static EtcdException BadTimeout(string value) => new(StatusCode.Internal, $"malformed grpc-timeout: \"{value}\"");

    public static EtcdException BadContentType(string value) => new(StatusCode.InvalidArgument, $"invalid gRPC request content-type \"{value}\"");

    public static EtcdException BadVerb(string verb) =>
        new(StatusCode.Internal, $"Received a HEADERS frame with :method \"{verb}\" which should be POST");

    public static EtcdException BadPath(string path) => new(StatusCode.Unimplemented, $"malformed method name: \"{path}\"");

    public static EtcdException UnknownService(string service) => new(StatusCode.Unimplemented, $"unknown service {service}");

    public static EtcdException UnknownMethod(string service, string method) =>
        new(StatusCode.Unimplemented, $"unknown method {method} for service {service}");

    public static EtcdException DeadlineExceeded => new(StatusCode.DeadlineExceeded, "context deadline exceeded");

    public static EtcdException Cancelled => new(StatusCode.Cancelled, "context canceled");

    /// <summary>What a fault of our own tells the client: nothing but that there was one. The log has the rest.</summary>
    public static EtcdException Fault => new(StatusCode.Internal, "etcdserver: internal error, see the server's log");

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
