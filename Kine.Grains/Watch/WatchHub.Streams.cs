using Kine.Etcd;

namespace Kine.Grains.Watch;

/// <summary>Watches come and go.</summary>
public sealed partial class WatchHub
{
    private int _unsynced;

    /// <summary>Begins a watch; false when its id is taken.</summary>
    internal bool Create(WatchStream stream, WatchCreateRequest request, byte[] start, byte[]? end, bool isKey)
    {
        var filter = EventFilter.None;
        foreach (var type in request.Filters)
        {
            filter |= type switch
            {
                WatchCreateRequest.Types.FilterType.Noput => EventFilter.NoPut,
                WatchCreateRequest.Types.FilterType.Nodelete => EventFilter.NoDelete,
                _ => EventFilter.None,
            };
        }

        lock (_gate)
        {
            var group = _groups.GetOrAdd(start, end, isKey, filter, request.PrevKv);
            var watcher = stream.Add(request, group, _revision);
            if (watcher is not null)
            {
                group.Members++;
                _watchers++;
            }
            else if (group.Members == 0)
            {
                _groups.Remove(group);
            }

            return watcher is not null;
        }
    }

    /// <summary>Cancels a watch for its client; nothing happens when there is none of that id.</summary>
    internal void Cancel(WatchStream stream, long id)
    {
        lock (_gate)
        {
            stream.Cancel(id, _revision);
        }
    }

    /// <summary>Ends a stream for its client.</summary>
    internal void Close(WatchStream stream)
    {
        stream.End(null);
        lock (_gate)
        {
            if (_streams.Remove(stream))
                stream.RemoveAll();
        }
    }

    /// <summary>A watch is over, for whatever reason; under the hub's lock, once for each.</summary>
    internal void Release(Watcher watcher)
    {
        _watchers--;
        if (--watcher.Group.Members == 0)
            _groups.Remove(watcher.Group);
    }

    /// <summary>A watch fell behind (+1) or is behind no more (-1).</summary>
    internal void CountUnsynced(int change) => Interlocked.Add(ref _unsynced, change);
}
