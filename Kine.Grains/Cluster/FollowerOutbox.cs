using Kine.Grains.Watch;
using Microsoft.Extensions.Logging;

namespace Kine.Grains.Cluster;

/// <summary>
/// Sends published batches to the processes that follow the writer. A batch may get lost: followers pull what is missing, and subscribe anew every second.
/// </summary>
internal sealed class FollowerOutbox(TimeProvider time, ILogger log)
{
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(10); // messages to a process that is gone vanish without an error

    private readonly Lock _lock = new(); // protects _followers
    private readonly Dictionary<IEventObserver, long> _followers = []; // when each subscribed last

    /// <summary>Sends to the follower from now on.</summary>
    public void Add(IEventObserver follower)
    {
        lock (_lock)
        {
            _followers[follower] = time.GetTimestamp();
        }
    }

    /// <summary>Sends a batch to all, and forgets those that are gone.</summary>
    public void Send(EventBatch events)
    {
        lock (_lock)
        {
            List<IEventObserver>? gone = null;
            foreach ((var follower, var subscribed) in _followers)
            {
                if (time.GetElapsedTime(subscribed) > Silence || !TrySend(follower, events))
                    (gone ??= []).Add(follower);
            }

            gone?.ForEach(follower => _followers.Remove(follower));
        }
    }

    private bool TrySend(IEventObserver follower, EventBatch events)
    {
        try
        {
            follower.Apply(events);
            return true;
        }
        catch (Exception error)
        {
            log.LogInformation(error, "A follower cannot be reached");
            return false;
        }
    }
}
