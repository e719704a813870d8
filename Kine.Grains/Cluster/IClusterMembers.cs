using Kine.Etcd;

namespace Kine.Grains.Cluster;

/// <summary>The processes on one store, as far as this one knows them.</summary>
public interface IClusterMembers
{
    /// <summary>Those that live, as etcd's Cluster.MemberList tells of them.</summary>
    IEnumerable<Member> List();

    /// <summary>The silo of a living member that is not this process; without an id any such. Null when there is none.</summary>
    SiloAddress? Other(ulong? member = null);
}
