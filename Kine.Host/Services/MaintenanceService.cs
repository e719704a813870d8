using Grpc.Core;
using Kine.Etcd;
using Kine.Grains.Keyspace;

namespace Kine.Host.Services;

/// <summary>etcd v3 API, Maintenance.</summary>
internal sealed class MaintenanceService(IKeyspace keyspace) : Maintenance.MaintenanceBase
{
    /// <inheritdoc/>
    public override Task<AlarmResponse> Alarm(AlarmRequest request, ServerCallContext context) => keyspace.Alarm(request, context.CancellationToken);

    /// <inheritdoc/>
    public override Task<StatusResponse> Status(StatusRequest request, ServerCallContext context) => keyspace.Status(request, context.CancellationToken);

    /// <inheritdoc/>
    public override Task<DefragmentResponse> Defragment(DefragmentRequest request, ServerCallContext context) =>
        keyspace.Defragment(request, context.CancellationToken);

    /// <inheritdoc/>
    public override Task<HashResponse> Hash(HashRequest request, ServerCallContext context) => keyspace.Hash(request, context.CancellationToken);

    /// <inheritdoc/>
    public override Task<HashKVResponse> HashKV(HashKVRequest request, ServerCallContext context) => keyspace.HashKV(request, context.CancellationToken);

    /// <inheritdoc/>
    public override async Task Snapshot(SnapshotRequest request, IServerStreamWriter<SnapshotResponse> responseStream, ServerCallContext context)
    {
        await foreach (var reply in keyspace.Snapshot(request, context.CancellationToken))
        {
            await responseStream.WriteAsync(reply);
        }
    }
}
