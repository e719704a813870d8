using Kine.Etcd;

namespace Kine.Grains.Reads;

/// <summary>Who answers, for reply headers: etcd's cluster and member id, both random and kept in the store.</summary>
[GenerateSerializer, Immutable]
public sealed record ClusterIdentity(ulong ClusterId, ulong MemberId)
{
    /// <summary>A header at <paramref name="revision"/>; 0 leaves the revision out, as the Cluster service does.</summary>
    public ResponseHeader Header(long revision, ulong term) =>
        new() { ClusterId = ClusterId, MemberId = MemberId, Revision = revision, RaftTerm = term };
}
