using Kine.Etcd;
using Kine.Grains.Index;
using Kine.Grains.Keyspace;
using Kine.Grains.Watch;
using Microsoft.Extensions.Logging;

namespace Kine.Grains.Revision;

// What prefix grains and watch hubs in other processes are fed from.
public sealed partial class RevisionGrain
{
    private const int PieceKeys = 2000;
    private const int PullEvents = 2000;
    private const long PullBytes = 2 << 20;
    private static readonly TimeSpan FollowerSilence = TimeSpan.FromSeconds(10); // followers subscribe anew every second
    private readonly Dictionary<IEventObserver, long> _followers = [];

    /// <inheritdoc/>
    public async Task<PublishedState> Current()
    {
        var view = View;
        var state = view.State;
        await Prove(view.Id);
        return state;
    }

    /// <inheritdoc/>
    public async Task<WireRangeReply> Range(RangeRequest request)
    {
        var view = View;
        var reply = await WireRangeReply.Read(view, request);
        if (!request.Serializable)
        {
            await Prove(view.Id);
        }

        return reply;
    }

    /// <inheritdoc/>
    public Task<FollowerStart> Subscribe(IEventObserver follower)
    {
        _followers[follower] = time.GetTimestamp();
        return Task.FromResult(new FollowerStart(View.State, local.Identity));
    }

    /// <inheritdoc/>
    public Task Unsubscribe(IEventObserver follower)
    {
        _followers.Remove(follower);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public async Task<EventBatch> Pull(long after)
    {
        var state = View.State;
        if (after >= state.Revision)
        {
            return new EventBatch(after, after, state.CompactRevision, []);
        }

        var page = await history.ReadEvents(after + 1, state.Revision, PullEvents, PullBytes, CancellationToken.None);
        state = View.State;
        return after < state.CompactRevision - 1
            ? throw EtcdErrors.Compacted
            : new EventBatch(after, page.Through, state.CompactRevision, page.Events);
    }

    /// <inheritdoc/>
    public Task<IndexPiece> ReadIndex(byte[] prefix, long revision, byte[]? afterKey)
    {
        if (revision < View.State.CompactRevision)
        {
            throw EtcdErrors.Compacted;
        }

        var keys = new List<byte[]>(PieceKeys);
        var versions = new List<KeyVersion>(PieceKeys);
        var last = true;
        var range = KeyRange.Prefix(prefix);
        var cursor = State.Index.Range(afterKey is null ? range : range.After(afterKey), revision);
        while (cursor.MoveNext())
        {
            if (keys.Count == PieceKeys)
            {
                last = false;
                break;
            }

            keys.Add(cursor.Key.ToArray());
            versions.Add(cursor.Current);
        }

        return Task.FromResult(new IndexPiece { Keys = keys, Versions = versions, Last = last });
    }

    private void SendToFollowers(EventBatch events)
    {
        List<IEventObserver>? gone = null;
        foreach ((var follower, var heard) in _followers)
        {
            // Messages to a process that is gone vanish without an error.
            if (time.GetElapsedTime(heard) > FollowerSilence || !TrySend(follower, events))
            {
                (gone ??= []).Add(follower);
            }
        }

        gone?.ForEach(follower => _followers.Remove(follower));
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
            // It pulls what it misses, and subscribes again when it is still there.
            log.LogInformation(error, "A follower cannot be reached");
            return false;
        }
    }
}
