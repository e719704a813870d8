namespace Kine.Backends;

/// <summary>The store's one fence row: who may append, and how far the log goes.</summary>
/// <param name="Epoch">Rises by one with every take-over; 0 in a store nobody has written to.</param>
/// <param name="Holder">Random id of the activation that holds it; empty when nobody does.</param>
/// <param name="Address">Where the holder answers clients, for standbys that pass requests on.</param>
/// <param name="LeaseTime">How long the holder's claim stands without a sign of life.</param>
/// <param name="Counter">Moves with every append, renewal and take-over; what does not move it is no sign of life.</param>
/// <param name="LastRevision">Revision of the last record; 1 in an empty log, as in etcd.</param>
public sealed record Fence(long Epoch, Guid Holder, string Address, TimeSpan LeaseTime, long Counter, long LastRevision)
{
    /// <summary>True when the last holder left cleanly, so that the next may take over at once.</summary>
    public bool Released => Holder == Guid.Empty;
}

/// <summary>What an appender must still be according to the store.</summary>
public readonly record struct FenceToken(long Epoch, Guid Holder);
