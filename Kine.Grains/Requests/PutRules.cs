using Kine.Etcd;

namespace Kine.Grains.Requests;

/// <summary>What makes a PutRequest wrong whatever the state (etcd v3 API, KV.Put).</summary>
internal static class PutRules
{
    /// <summary>Throws etcd's error for the first thing that is wrong, in etcd's order.</summary>
    public static void Check(PutRequest request)
    {
        if (request.Key.IsEmpty)
            throw EtcdErrors.EmptyKey;

        if (request.IgnoreValue && !request.Value.IsEmpty)
            throw EtcdErrors.ValueProvided;

        if (request.IgnoreLease && request.Lease != 0)
            throw EtcdErrors.LeaseProvided;
    }
}
