using Grpc.Health.V1;
using Grpc.HealthCheck;
using Grpc.Reflection;
using Kine.Etcd;
using Kine.Grains.Cluster;
using Kine.Host.Grpc;

namespace Kine.Host.Services;

/// <summary>All services of the server.</summary>
internal static class ServiceTable
{
    private const string NoMembers = "kine: members are not managed here; replication is the store's";
    private const string NoDowngrade = "kine: there is no etcd storage version to downgrade";
    private const string NoUsers = "kine: users and roles are not offered yet; protect the listener with --trusted-ca-file";
    private const string NoLocks = "kine: this service is not offered yet; client libraries lock and elect with leases and transactions, which work";

    /// <summary>Binds every method of the API to the keyspace.</summary>
    public static void Bind(ServiceBinder binder, IEtcdApi api, HealthServiceImpl health)
    {
        KvService.Bind(binder, api);
        WatchService.Bind(binder, api.Watches);
        Lease.BindService(binder, new LeaseService(api));
        Maintenance.BindService(binder, new MaintenanceService(api));
        binder.Refuse("etcdserverpb.Maintenance", NoDowngrade, "Downgrade");
        Cluster.BindService(binder, new ClusterService(api));
        binder.Refuse("etcdserverpb.Cluster", NoMembers, "MemberAdd", "MemberRemove", "MemberUpdate", "MemberPromote");
        Auth.BindService(binder, new AuthService(api));
        binder.Refuse(
            "etcdserverpb.Auth",
            NoUsers,
            "AuthEnable", "AuthDisable", "Authenticate",
            "UserAdd", "UserGet", "UserList", "UserDelete", "UserChangePassword", "UserGrantRole", "UserRevokeRole",
            "RoleAdd", "RoleGet", "RoleList", "RoleDelete", "RoleGrantPermission", "RoleRevokePermission");
        binder.Refuse("v3lockpb.Lock", NoLocks, "Lock", "Unlock");
        binder.Refuse("v3electionpb.Election", NoLocks, "Campaign", "Proclaim", "Leader", "Observe", "Resign");
        Health.BindService(binder, health);
        Reflect(binder);
    }

    private static void Reflect(ServiceBinder binder)
    {
        Google.Protobuf.Reflection.ServiceDescriptor[] services =
        [
            KV.Descriptor, Watch.Descriptor, Lease.Descriptor, Maintenance.Descriptor, Cluster.Descriptor, Auth.Descriptor, Health.Descriptor,
        ];
        global::Grpc.Reflection.V1.ServerReflection.BindService(binder, new ReflectionV1ServiceImpl(services));
        global::Grpc.Reflection.V1Alpha.ServerReflection.BindService(binder, new ReflectionServiceImpl(services));
    }
}
