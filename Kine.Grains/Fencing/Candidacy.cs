using System.Collections.Concurrent;
using Kine.Backends;
using Microsoft.Extensions.Logging;

namespace Kine.Grains.Fencing;

/// <summary>
/// One a process: watches the store's fence row while others hold it and says when it may be taken over. No clocks of two machines are compared: only how long
/// the counter has stood still as seen from here.
/// <code>
/// holder alive   counter 7, 8, 9, ...     never
/// holder dead    counter 9 since 3 s      after the longer of its lease time and ours
/// released, or held by an earlier activation of this process that has ended: at once
/// </code>
/// </summary>
public sealed class Candidacy(IRevisionStore store, WriterOptions options, TimeProvider time, ILogger<Candidacy> log)
{
    private readonly SemaphoreSlim _asking = new(1, 1);
    private readonly ConcurrentDictionary<Guid, bool> _own = []; // an activation that ended may still draw one while the next one asks
    private Fence? _seen;
    private long _seenAt;
    private long _askedAt;
    private bool _waiting;
    private string? _standsByFor;

    /// <summary>The address that the present holder gave, while another process holds the store.</summary>
    public string HolderAddress => _seen?.Address ?? "";

    /// <summary>What is left of the time after which a holder that shows no sign of life may be replaced, while another process holds the store.</summary>
    public TimeSpan TimeLeft => _waiting && _seen is { } seen ? LeftOf(seen) : TimeSpan.MaxValue;

    /// <summary>
    /// The fence row, when it may be taken over now; null while another holder stands. Asks the store at most once a renewal time.
    /// </summary>
    public async Task<Fence?> Claimable(CancellationToken cancellationToken)
    {
        using var turn = await Turn.In(_asking, cancellationToken);
        if (_waiting && time.GetElapsedTime(_askedAt) < options.RenewTime / 2 && TimeLeft > TimeSpan.Zero)
            return null;

        _waiting = false; // also when the store does not answer: then nobody hurries
        var fence = await store.ReadFence(cancellationToken);
        _askedAt = time.GetTimestamp();
        if (store.IsExclusive || fence.Released || _own.ContainsKey(fence.Holder))
        {
            _standsByFor = null;
            return fence;
        }

        if (_seen is null || _seen.Epoch != fence.Epoch || _seen.Counter != fence.Counter)
        {
            _seen = fence;
            _seenAt = _askedAt;
        }
        else if (LeftOf(fence) <= TimeSpan.Zero)
        {
            _standsByFor = null;
            return fence;
        }

        if (_standsByFor != fence.Address)
        {
            _standsByFor = fence.Address;
            log.LogInformation("The process at {Address} writes to the store, epoch {Epoch}", fence.Address, fence.Epoch);
        }

        _waiting = true;
        return null;
    }

    /// <summary>The store's holder says that it has left it: the next question looks at the store, however soon it comes.</summary>
    public void LookAgain() => _waiting = false;

    /// <summary>Logs that the store could not be reached.</summary>
    public void LogUnreachable(string reason)
    {
        _standsByFor = null;
        log.LogWarning("The store cannot be loaded: {Reason}", reason);
    }

    /// <summary>Draws the id of a new activation; a row that names it, or an earlier one, is this process's own.</summary>
    public Guid NewHolder()
    {
        var holder = Guid.NewGuid();
        _own[holder] = true;
        return holder;
    }

    private TimeSpan LeftOf(Fence fence) => (fence.LeaseTime > options.LeaseTime ? fence.LeaseTime : options.LeaseTime) - time.GetElapsedTime(_seenAt);
}
