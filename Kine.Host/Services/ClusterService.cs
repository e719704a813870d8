using Kine.Etcd;
using Kine.Grains.Keyspace;
using Kine.Host.Grpc;

namespace Kine.Host.Services;

/// <summary>etcd v3 API, Cluster: the list answers, the members cannot be changed.</summary>
internal static class ClusterService
{
    public const string Name = "etcdserverpb.Cluster";

    private const string Reason = "kine: members are not managed here; replication is the store's";

    public static void Bind(MethodTable methods, IKeyspace keyspace)
    {
        methods.Add(new MessageMethod<MemberListRequest, MemberListResponse>(Name, "MemberList", MemberListRequest.Parser, keyspace.MemberList));
        foreach (var name in (string[])["MemberAdd", "MemberRemove", "MemberUpdate", "MemberPromote"])
        {
            methods.Add(new RefusedMethod(Name, name, Reason));
        }
    }
}
