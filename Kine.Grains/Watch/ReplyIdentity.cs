namespace Kine.Grains.Watch;

/// <summary>What every ResponseHeader says besides the revision.</summary>
/// <param name="ClusterId">Stored id of the cluster.</param>
/// <param name="MemberId">Id of the member that answers.</param>
/// <param name="Term">raft_term: the writer's epoch.</param>
public sealed record ReplyIdentity(ulong ClusterId, ulong MemberId, ulong Term);
