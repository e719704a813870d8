using Kine.Etcd;

namespace Kine.Grains.Requests;

/// <summary>What makes a DeleteRangeRequest wrong whatever the state (etcd v3 API, KV.DeleteRange).</summary>
internal static class DeleteRangeRules
{
    /// <summary>Throws etcd's error when it is wrong.</summary>
    public static void Check(DeleteRangeRequest request)
    {
        if (request.Key.IsEmpty)
            throw EtcdErrors.EmptyKey;
    }
}
