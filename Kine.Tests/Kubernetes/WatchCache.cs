using Kine.Etcd;
using Kine.Tests.Wire;

namespace Kine.Tests.Kubernetes;

/// <summary>A list and a watch from there on, as the apiserver's cache of one resource; it checks the stream's promises as it goes.</summary>
internal sealed class WatchCache : IDisposable
{
    private readonly WatchCall _call;
    private readonly Dictionary<string, KeyValue> _items;
    private readonly List<Event> _events = [];
    private readonly Lock _lock = new();
    private readonly Task _reader;
    private long _revision;
    private long _progress;

    private WatchCache(WatchCall call, long revision, IEnumerable<KeyValue> items)
    {
        _call = call;
        _revision = revision;
        _items = items.ToDictionary(kv => kv.Key.ToStringUtf8());
        _reader = Follow();
    }

    /// <summary>Every event so far, in the order of the stream.</summary>
    public Event[] Events
    {
        get
        {
            lock (_lock)
            {
                return [.. _events];
            }
        }
    }

    /// <summary>The revision that a progress reply promised last.</summary>
    public long Progress
    {
        get
        {
            lock (_lock)
            {
                return _progress;
            }
        }
    }

    public static async Task<WatchCache> Start(ApiServerStore store, string prefix)
    {
        var (revision, items) = await store.List(prefix);
        return new WatchCache(await store.WatchAfter(prefix, revision), revision, items);
    }

    /// <summary>The content as the events make it, once all of them up to a revision were promised to be there.</summary>
    public async Task<Dictionary<string, KeyValue>> ContentAt(long revision, TimeSpan within)
    {
        var deadline = DateTime.UtcNow + within;
        while (true)
        {
            if (_reader.IsCompleted)
                await _reader;

            lock (_lock)
            {
                if (_progress >= revision || _revision >= revision)
                    return new Dictionary<string, KeyValue>(_items);
            }
            if (DateTime.UtcNow > deadline)
                throw new TimeoutException($"no progress up to {revision} within {within}; the last was {Progress}");

            await _call.Write(new WatchRequest { ProgressRequest = new WatchProgressRequest() });
            await Task.Delay(100);
        }
    }

    public void Dispose() => _call.Dispose();

    private async Task Follow()
    {
        while (await _call.Read() is { } reply)
        {
            lock (_lock)
            {
                Apply(reply);
            }
        }
    }

    private void Apply(WatchResponse reply)
    {
        if (reply.Canceled)
            throw new InvalidOperationException($"the watch was canceled: {reply}");

        if (reply.Events.Count == 0 && !reply.Created)
            _progress = Math.Max(_progress, reply.Header.Revision);
        // A revision is never split over two replies, so within one reply it may repeat, and between two it must rise.
        var before = _revision;
        foreach (var change in reply.Events)
        {
            if (change.Kv.ModRevision <= Math.Max(before, _progress) || change.Kv.ModRevision < _revision)
                throw new InvalidOperationException($"an event of {change.Kv.ModRevision} after revision {_revision}, progress {_progress}");

            _revision = change.Kv.ModRevision;
            _events.Add(change);
            var key = change.Kv.Key.ToStringUtf8();
            var known = _items.GetValueOrDefault(key);
            if (!Equals(known, change.PrevKv))
                throw new InvalidOperationException($"the event of {_revision} says that {key} was {change.PrevKv}, but it was {known}");

            if (change.Type == Event.Types.EventType.Put)
                _items[key] = change.Kv;
            else
                _items.Remove(key);
        }
    }
}
