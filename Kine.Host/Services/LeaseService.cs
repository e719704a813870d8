using Kine.Etcd;
using Kine.Grains.Keyspace;
using Kine.Host.Grpc;

namespace Kine.Host.Services;

/// <summary>etcd v3 API, Lease.</summary>
internal static class LeaseService
{
    public const string Name = "etcdserverpb.Lease";

    public static void Bind(MethodTable methods, IKeyspace keyspace)
    {
        methods.Add(new MessageMethod<LeaseGrantRequest, LeaseGrantResponse>(Name, "LeaseGrant", LeaseGrantRequest.Parser, keyspace.LeaseGrant));
        methods.Add(new MessageMethod<LeaseRevokeRequest, LeaseRevokeResponse>(Name, "LeaseRevoke", LeaseRevokeRequest.Parser, keyspace.LeaseRevoke));
        methods.Add(new DuplexMethod(Name, "LeaseKeepAlive", call => KeepAlive(call, keyspace)));
        methods.Add(new MessageMethod<LeaseTimeToLiveRequest, LeaseTimeToLiveResponse>(
            Name, "LeaseTimeToLive", LeaseTimeToLiveRequest.Parser, keyspace.LeaseTimeToLive));
        methods.Add(new MessageMethod<LeaseLeasesRequest, LeaseLeasesResponse>(Name, "LeaseLeases", LeaseLeasesRequest.Parser, keyspace.LeaseLeases));
    }

    private static async Task KeepAlive(GrpcCall call, IKeyspace keyspace)
    {
        while (await call.Read(LeaseKeepAliveRequest.Parser) is { } request)
        {
            call.WriteMessage(await keyspace.LeaseKeepAlive(request, call.CancellationToken));
            await call.Flush();
        }
    }
}
