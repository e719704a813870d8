namespace Kine.Tests.Chaos;

/// <summary>What a client did with a lease that it was granted.</summary>
internal sealed class LeaseLife(long id)
{
    public long Id => id;

    /// <summary>When each grant and keep-alive was sent that was answered, and until when at least it lets the lease live.</summary>
    public List<(long Sent, long Until)> Signs { get; } = [];

    /// <summary>When the revocation was sent, whatever became of it.</summary>
    public long RevokeSent { get; set; } = long.MaxValue;

    /// <summary>The revision in the answer to the revocation; 0 = there was none.</summary>
    public long RevokedAt { get; set; }

    /// <summary>When the client was told that there is no such lease.</summary>
    public long GoneAt { get; set; } = long.MaxValue;
}
