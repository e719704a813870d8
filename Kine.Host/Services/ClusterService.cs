using System.Net;
using Grpc.AspNetCore.Server;
using Grpc.Core;
using Kine.Etcd;
using Kine.Grains.Cluster;

namespace Kine.Host.Services;

/// <summary>etcd v3 API, Cluster: the list answers, the members cannot be changed.</summary>
internal sealed class ClusterService(IEtcdApi api) : Cluster.ClusterBase
{
    // A listener on all addresses, or on any free port, has no address to tell: then the client goes on with the one that it came to.
    public override async Task<MemberListResponse> MemberList(MemberListRequest request, ServerCallContext context)
    {
        var reply = await api.MemberList(request, context.CancellationToken);
        var http = context.GetHttpContext();
        if (http.Connection.LocalIpAddress is not { } address)
            return reply;

        var used = new IPEndPoint(address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address, http.Connection.LocalPort);
        reply = reply.Clone();
        foreach (var urls in reply.Members.Where(member => reply.Members.Count == 1 || member.ID == reply.Header.MemberId).Select(member => member.ClientURLs))
        {
            for (var i = 0; i < urls.Count; i++)
                urls[i] = IsUsable(urls[i]) ? urls[i] : $"{http.Request.Scheme}://{used}";
        }

        return reply;
    }

    private static bool IsUsable(string url) =>
        !Uri.TryCreate(url, UriKind.Absolute, out var uri) || (uri.Host is not ("0.0.0.0" or "[::]") && (uri.IsFile || uri.Port != 0));
}
