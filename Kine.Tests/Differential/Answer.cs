using Google.Protobuf;
using Grpc.Core;
using Kine.Etcd;

namespace Kine.Tests.Differential;

/// <summary>What one server said to an operation: the text that is compared, and what the generator learns from it.</summary>
/// <param name="Text">The reply or the error, without what may differ.</param>
/// <param name="Revision">header.revision, 0 when there was none.</param>
/// <param name="Error">Null when the call ended with OK.</param>
internal sealed record Answer(string Text, long Revision, RpcException? Error)
{
    public static Answer From(IMessage reply, string text) => new(text, HeaderRevision(reply), null);

    public static Answer From(RpcException error) => new($"ERROR {error.StatusCode} \"{error.Status.Detail}\"", 0, error);

    /// <summary>What no server of this API may do.</summary>
    public static RpcException Broken(string what) => new(new Status(StatusCode.Internal, what));

    private static long HeaderRevision(IMessage reply)
        => reply.Descriptor.FindFieldByName("header")?.Accessor.GetValue(reply) is ResponseHeader header ? header.Revision : 0;
}
