using Grpc.Core;
using Kine.Etcd;
using Kine.Grains.Cluster;

namespace Kine.Host.Services;

/// <summary>etcd v3 API, Lease.</summary>
internal sealed class LeaseService(IEtcdApi api) : Lease.LeaseBase
{
    public override Task<LeaseGrantResponse> LeaseGrant(LeaseGrantRequest request, ServerCallContext context) =>
        api.LeaseGrant(request, context.CancellationToken);

    public override Task<LeaseRevokeResponse> LeaseRevoke(LeaseRevokeRequest request, ServerCallContext context) =>
        api.LeaseRevoke(request, context.CancellationToken);

    public override async Task LeaseKeepAlive(
        IAsyncStreamReader<LeaseKeepAliveRequest> requestStream, IServerStreamWriter<LeaseKeepAliveResponse> responseStream, ServerCallContext context)
    {
        while (await requestStream.MoveNext(context.CancellationToken))
            await responseStream.WriteAsync(await api.LeaseKeepAlive(requestStream.Current, context.CancellationToken));
    }

    public override Task<LeaseTimeToLiveResponse> LeaseTimeToLive(LeaseTimeToLiveRequest request, ServerCallContext context) =>
        api.LeaseTimeToLive(request, context.CancellationToken);

    public override Task<LeaseLeasesResponse> LeaseLeases(LeaseLeasesRequest request, ServerCallContext context) =>
        api.LeaseLeases(request, context.CancellationToken);
}
