using Kine.Etcd;
using Kine.Grains.Values;

namespace Kine.Grains.Writing;

/// <summary>What a PutRequest does, alone or inside a transaction (etcd v3 API, KV.Put).</summary>
internal static class PutEvaluation
{
    /// <summary>Throws when the request takes over value or lease of a key that does not exist.</summary>
    public static void CheckExisting(PutRequest request, WriteState state)
    {
        if ((request.IgnoreValue || request.IgnoreLease) && !state.TryGet(request.Key.Span, out _))
            throw EtcdErrors.KeyNotFound;
    }

    /// <summary>False when the value to take over must be fetched first; it is noted as a need of <paramref name="operation"/>.</summary>
    public static bool HasValue(PutRequest request, WriteState state, WriteOperation operation)
    {
        if (!request.IgnoreValue || !state.TryGet(request.Key.Span, out var version) || version.ValueLength == 0)
            return true;

        if (state.TryKeyValue(operation, version.Id, out var keyValue))
        {
            // The cache may drop it before the put is executed. What is in flight stays, and its place may be another's once it is taken back.
            if (!state.IsInFlight(version.Id))
                operation.Keep(version.Id, keyValue);

            return true;
        }

        operation.Need(request.Key.Memory, version);
        return false;
    }

    /// <summary>Writes the pair; the reply has no header.</summary>
    public static PutResponse Execute(PutRequest request, WriteState state, WriteOperation operation)
    {
        var reply = new PutResponse();
        var value = request.Value.Memory;
        var lease = request.Lease;
        if ((request.PrevKv || request.IgnoreValue || request.IgnoreLease) && state.TryGet(request.Key.Span, out var before))
        {
            if (request.PrevKv)
                reply.PrevKv = operation.Pair(state, request.Key.Memory, before);

            if (request.IgnoreLease)
                lease = before.Lease;

            if (request.IgnoreValue && before.ValueLength > 0)
            {
                value = state.TryKeyValue(operation, before.Id, out var keyValue)
                    ? KeyValueWire.Value(keyValue)
                    : throw new InvalidOperationException("A value to take over was let go between check and put.");
            }
        }

        state.Put(request.Key.Span, value.Span, lease);
        return reply;
    }
}
