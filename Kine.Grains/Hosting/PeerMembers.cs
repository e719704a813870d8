using System.Net;
using Kine.Etcd;
using Kine.Grains.Cluster;
using Orleans.Runtime;

namespace Kine.Grains.Hosting;

/// <summary>The silos of the cluster as etcd's members.</summary>
internal sealed class PeerMembers(IClusterMembershipService membership, ILocalSiloDetails own) : IClusterMembers
{
    private IEnumerable<ClusterMember> Living => membership.CurrentSnapshot.Members.Values.Where(static member => member.Status == SiloStatus.Active);

    public IEnumerable<Member> List()
    {
        foreach (var silo in Living.OrderBy(static member => member.SiloAddress))
        {
            var name = PeerName.Parse(silo.Name);
            var address = silo.SiloAddress.Endpoint;
            yield return new Member
            {
                ID = PeerName.MemberId(address),
                Name = name?.Host ?? silo.Name,
                PeerURLs = { $"https://{address}" },
                ClientURLs = { (name?.ClientUrls ?? []).Select(url => Reachable(url, address.Address)) },
            };
        }
    }

    public SiloAddress? Other(ulong? member) => Living.Select(static silo => silo.SiloAddress)
        .FirstOrDefault(silo => !silo.Equals(own.SiloAddress) && (member is null || member == PeerName.MemberId(silo.Endpoint)));

    // A listener on all addresses is reached where the process is.
    private static string Reachable(string url, IPAddress address) =>
        Uri.TryCreate(url, UriKind.Absolute, out var uri) && uri.Host is "0.0.0.0" or "[::]" ? $"{uri.Scheme}://{new IPEndPoint(address, uri.Port)}" : url;
}
