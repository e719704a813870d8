using Kine.Grains.Keyspace;
using Kine.Host.Grpc;

namespace Kine.Host.Services;

/// <summary>All services of the server.</summary>
internal static class ServiceTable
{
    /// <summary>Binds every method of the API to the keyspace.</summary>
    public static MethodTable Create(IKeyspace keyspace, CancellationToken stopping)
    {
        var methods = new MethodTable();
        KvService.Bind(methods, keyspace);
        WatchService.Bind(methods, keyspace.Watches);
        LeaseService.Bind(methods, keyspace);
        MaintenanceService.Bind(methods, keyspace);
        ClusterService.Bind(methods, keyspace);
        AuthService.Bind(methods, keyspace);
        ConcurrencyServices.Bind(methods);
        HealthService.Bind(methods, stopping);
        return methods;
    }
}
