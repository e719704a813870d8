using Grpc.Core;
using Kine.Etcd;
using Kine.Grains.Cluster;

namespace Kine.Host.Services;

/// <summary>etcd v3 API, Auth: says that it is off; users and roles cannot be set up.</summary>
internal sealed class AuthService(IEtcdApi api) : Auth.AuthBase
{
    public override Task<AuthStatusResponse> AuthStatus(AuthStatusRequest request, ServerCallContext context) =>
        api.AuthStatus(request, context.CancellationToken);
}
