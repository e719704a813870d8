using Google.Protobuf;
using Kine.Etcd;
using Kine.Tests.Wire;

namespace Kine.Tests.Differential;

/// <summary>What one server said to an operation: the text that is compared, and what the generator learns from it.</summary>
/// <param name="Text">The reply or the error, without what may differ.</param>
/// <param name="Revision">header.revision, 0 when there was none.</param>
/// <param name="Error">Null when the call ended with OK.</param>
public sealed record Answer(string Text, long Revision, RpcError? Error)
{
    public static Answer From(IMessage reply, string text) => new(text, HeaderRevision(reply), null);

    public static Answer From(RpcError error) => new($"ERROR {error.Code} \"{error.Status}\"", 0, error);

    private static long HeaderRevision(IMessage reply)
        => reply.Descriptor.FindFieldByName("header")?.Accessor.GetValue(reply) is ResponseHeader header ? header.Revision : 0;
}
