using Kine.Etcd;
using Kine.Grains.Reads;

namespace Kine.Grains.Cluster;

/// <summary>
/// Reads of one key prefix, keyed by the prefix in base64url. Where the writer is in the same process it reads the writer's index; elsewhere it follows the
/// writer with an index of its own.
/// </summary>
public interface IPrefixGrain : IGrainWithStringKey
{
    /// <summary>
    /// etcd v3 API, KV.Range of a range inside the prefix, or as much of it as one message between processes takes, never older than
    /// <paramref name="atLeast"/>: a front end does not go back behind what it has told its clients.
    /// </summary>
    Task<WireRangeReply> Range([Immutable] RangeRequest request, PublishedState atLeast);
}
