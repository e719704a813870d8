using Kine.Etcd;
using Kine.Grains.Keyspace;
using Kine.Host.Grpc;

namespace Kine.Host.Services;

/// <summary>etcd v3 API, Maintenance.</summary>
internal static class MaintenanceService
{
    public const string Name = "etcdserverpb.Maintenance";

    public static void Bind(MethodTable methods, IKeyspace keyspace)
    {
        methods.Add(new MessageMethod<AlarmRequest, AlarmResponse>(Name, "Alarm", AlarmRequest.Parser, keyspace.Alarm));
        methods.Add(new MessageMethod<StatusRequest, StatusResponse>(Name, "Status", StatusRequest.Parser, keyspace.Status));
        methods.Add(new MessageMethod<DefragmentRequest, DefragmentResponse>(Name, "Defragment", DefragmentRequest.Parser, keyspace.Defragment));
        methods.Add(new MessageMethod<HashRequest, HashResponse>(Name, "Hash", HashRequest.Parser, keyspace.Hash));
        methods.Add(new MessageMethod<HashKVRequest, HashKVResponse>(Name, "HashKV", HashKVRequest.Parser, keyspace.HashKV));
        methods.Add(new ServerStreamingMethod<SnapshotRequest, SnapshotResponse>(Name, "Snapshot", SnapshotRequest.Parser, keyspace.Snapshot));
        methods.Add(new RefusedMethod(Name, "MoveLeader", "kine: there are no members to move the leadership to; the store decides who writes"));
        methods.Add(new RefusedMethod(Name, "Downgrade", "kine: there is no etcd storage version to downgrade"));
    }
}
