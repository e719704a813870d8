namespace Kine.Tests.Wire;

/// <summary>Paths of etcd's v3 methods (packages etcdserverpb and grpc.health.v1).</summary>
public static class EtcdMethods
{
    /// <summary>KV.Range.</summary>
    public const string Range = "/etcdserverpb.KV/Range";

    /// <summary>KV.RangeStream, a server stream.</summary>
    public const string RangeStream = "/etcdserverpb.KV/RangeStream";

    /// <summary>KV.Put.</summary>
    public const string Put = "/etcdserverpb.KV/Put";

    /// <summary>KV.DeleteRange.</summary>
    public const string DeleteRange = "/etcdserverpb.KV/DeleteRange";

    /// <summary>KV.Txn.</summary>
    public const string Txn = "/etcdserverpb.KV/Txn";

    /// <summary>KV.Compact.</summary>
    public const string Compact = "/etcdserverpb.KV/Compact";

    /// <summary>Watch.Watch, duplex.</summary>
    public const string Watch = "/etcdserverpb.Watch/Watch";

    /// <summary>Lease.LeaseGrant.</summary>
    public const string LeaseGrant = "/etcdserverpb.Lease/LeaseGrant";

    /// <summary>Lease.LeaseRevoke.</summary>
    public const string LeaseRevoke = "/etcdserverpb.Lease/LeaseRevoke";

    /// <summary>Lease.LeaseKeepAlive, duplex.</summary>
    public const string LeaseKeepAlive = "/etcdserverpb.Lease/LeaseKeepAlive";

    /// <summary>Lease.LeaseTimeToLive.</summary>
    public const string LeaseTimeToLive = "/etcdserverpb.Lease/LeaseTimeToLive";

    /// <summary>Lease.LeaseLeases.</summary>
    public const string LeaseLeases = "/etcdserverpb.Lease/LeaseLeases";

    /// <summary>Maintenance.Status.</summary>
    public const string Status = "/etcdserverpb.Maintenance/Status";

    /// <summary>Maintenance.Alarm.</summary>
    public const string Alarm = "/etcdserverpb.Maintenance/Alarm";

    /// <summary>Maintenance.Defragment.</summary>
    public const string Defragment = "/etcdserverpb.Maintenance/Defragment";

    /// <summary>Maintenance.Hash.</summary>
    public const string Hash = "/etcdserverpb.Maintenance/Hash";

    /// <summary>Maintenance.HashKV.</summary>
    public const string HashKV = "/etcdserverpb.Maintenance/HashKV";

    /// <summary>Maintenance.Snapshot, a server stream.</summary>
    public const string Snapshot = "/etcdserverpb.Maintenance/Snapshot";

    /// <summary>Cluster.MemberList.</summary>
    public const string MemberList = "/etcdserverpb.Cluster/MemberList";

    /// <summary>Auth.AuthStatus.</summary>
    public const string AuthStatus = "/etcdserverpb.Auth/AuthStatus";

    /// <summary>Health.Check.</summary>
    public const string HealthCheck = "/grpc.health.v1.Health/Check";

    /// <summary>Health.Watch, a server stream.</summary>
    public const string HealthWatch = "/grpc.health.v1.Health/Watch";
}
