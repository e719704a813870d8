using Grpc.Core;
using Kine.Etcd;
using Kine.Grains.Cluster;

namespace Kine.Host.Services;

/// <summary>etcd v3 API, Maintenance.</summary>
internal sealed class MaintenanceService(IEtcdApi api) : Maintenance.MaintenanceBase
{
    public override Task<AlarmResponse> Alarm(AlarmRequest request, ServerCallContext context) => api.Alarm(request, context.CancellationToken);

    public override Task<StatusResponse> Status(StatusRequest request, ServerCallContext context) => api.Status(request, context.CancellationToken);

    public override Task<DefragmentResponse> Defragment(DefragmentRequest request, ServerCallContext context) =>
        api.Defragment(request, context.CancellationToken);

    public override Task<HashResponse> Hash(HashRequest request, ServerCallContext context) => api.Hash(request, context.CancellationToken);

    public override Task<HashKVResponse> HashKV(HashKVRequest request, ServerCallContext context) => api.HashKV(request, context.CancellationToken);

    public override Task<MoveLeaderResponse> MoveLeader(MoveLeaderRequest request, ServerCallContext context) =>
        api.MoveLeader(request, context.CancellationToken);

    public override async Task Snapshot(SnapshotRequest request, IServerStreamWriter<SnapshotResponse> responseStream, ServerCallContext context)
    {
        await foreach (var reply in api.Snapshot(request, context.CancellationToken))
        {
            await responseStream.WriteAsync(reply);
        }
    }
}
