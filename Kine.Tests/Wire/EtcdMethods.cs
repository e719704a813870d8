namespace Kine.Tests.Wire;

/// <summary>Paths of etcd's v3 methods (packages etcdserverpb and grpc.health.v1), for requests by hand.</summary>
public static class EtcdMethods
{
    /// <summary>KV.Range.</summary>
    public const string Range = "/etcdserverpb.KV/Range";

    /// <summary>KV.Put.</summary>
    public const string Put = "/etcdserverpb.KV/Put";

    /// <summary>KV.Txn.</summary>
    public const string Txn = "/etcdserverpb.KV/Txn";

    /// <summary>Watch.Watch, duplex.</summary>
    public const string Watch = "/etcdserverpb.Watch/Watch";

    /// <summary>Lease.LeaseKeepAlive, duplex.</summary>
    public const string LeaseKeepAlive = "/etcdserverpb.Lease/LeaseKeepAlive";

    /// <summary>Auth.AuthStatus.</summary>
    public const string AuthStatus = "/etcdserverpb.Auth/AuthStatus";

    /// <summary>Health.Check.</summary>
    public const string HealthCheck = "/grpc.health.v1.Health/Check";
}
