using Grpc.Core;
using Kine.Etcd;
using Kine.Grains.Cluster;

namespace Kine.Host.Services;

/// <summary>etcd v3 API, Cluster: the list answers, the members cannot be changed.</summary>
internal sealed class ClusterService(IEtcdApi api) : Cluster.ClusterBase
{
    public override Task<MemberListResponse> MemberList(MemberListRequest request, ServerCallContext context) =>
        api.MemberList(request, context.CancellationToken);
}
