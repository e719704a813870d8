namespace Kine.Tests.Wire;

/// <summary>Request paths of the etcd v3 API.</summary>
public static class EtcdMethod
{
    public const string Range = "/etcdserverpb.KV/Range";
    public const string RangeStream = "/etcdserverpb.KV/RangeStream";
    public const string Put = "/etcdserverpb.KV/Put";
    public const string DeleteRange = "/etcdserverpb.KV/DeleteRange";
    public const string Txn = "/etcdserverpb.KV/Txn";
    public const string Compact = "/etcdserverpb.KV/Compact";
    public const string Watch = "/etcdserverpb.Watch/Watch";
    public const string LeaseGrant = "/etcdserverpb.Lease/LeaseGrant";
    public const string LeaseRevoke = "/etcdserverpb.Lease/LeaseRevoke";
    public const string LeaseKeepAlive = "/etcdserverpb.Lease/LeaseKeepAlive";
    public const string LeaseTimeToLive = "/etcdserverpb.Lease/LeaseTimeToLive";
    public const string LeaseLeases = "/etcdserverpb.Lease/LeaseLeases";
    public const string Status = "/etcdserverpb.Maintenance/Status";
    public const string Alarm = "/etcdserverpb.Maintenance/Alarm";
    public const string Defragment = "/etcdserverpb.Maintenance/Defragment";
    public const string Hash = "/etcdserverpb.Maintenance/Hash";
    public const string HashKV = "/etcdserverpb.Maintenance/HashKV";
    public const string Snapshot = "/etcdserverpb.Maintenance/Snapshot";
    public const string MemberList = "/etcdserverpb.Cluster/MemberList";
    public const string AuthStatus = "/etcdserverpb.Auth/AuthStatus";
    public const string HealthCheck = "/grpc.health.v1.Health/Check";
    public const string HealthWatch = "/grpc.health.v1.Health/Watch";
}
