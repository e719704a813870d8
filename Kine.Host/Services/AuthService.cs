using Grpc.Core;
using Kine.Etcd;
using Kine.Grains.Keyspace;

namespace Kine.Host.Services;

/// <summary>etcd v3 API, Auth: says that it is off; users and roles cannot be set up.</summary>
internal sealed class AuthService(IKeyspace keyspace) : Auth.AuthBase
{
    /// <inheritdoc/>
    public override Task<AuthStatusResponse> AuthStatus(AuthStatusRequest request, ServerCallContext context) =>
        keyspace.AuthStatus(request, context.CancellationToken);
}
