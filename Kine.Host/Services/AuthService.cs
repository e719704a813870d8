using Kine.Etcd;
using Kine.Grains.Keyspace;
using Kine.Host.Grpc;

namespace Kine.Host.Services;

/// <summary>etcd v3 API, Auth: says that it is off; users and roles cannot be set up.</summary>
internal static class AuthService
{
    public const string Name = "etcdserverpb.Auth";

    private const string Reason = "kine: users and roles are not offered yet; protect the listener with --trusted-ca-file";

    public static void Bind(MethodTable methods, IKeyspace keyspace)
    {
        methods.Add(new MessageMethod<AuthStatusRequest, AuthStatusResponse>(Name, "AuthStatus", AuthStatusRequest.Parser, keyspace.AuthStatus));
        string[] refused =
        [
            "AuthEnable", "AuthDisable", "Authenticate",
            "UserAdd", "UserGet", "UserList", "UserDelete", "UserChangePassword", "UserGrantRole", "UserRevokeRole",
            "RoleAdd", "RoleGet", "RoleList", "RoleDelete", "RoleGrantPermission", "RoleRevokePermission",
        ];
        foreach (var name in refused)
        {
            methods.Add(new RefusedMethod(Name, name, Reason));
        }
    }
}
