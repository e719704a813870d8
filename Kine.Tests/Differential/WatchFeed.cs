using Kine.Etcd;
using Kine.Host.Client;
using Kine.Tests.Wire;

namespace Kine.Tests.Differential;

/// <summary>
/// One watch stream and what it delivered: a log for each watch id (its created and canceled replies and its events, in order, however
/// they were grouped into replies), and the progress replies.
/// </summary>
internal sealed class WatchFeed : IDisposable
{
    private readonly EtcdChannel _channel;
    private readonly WatchCall _call;
    private readonly Lock _lock = new();
    private readonly SortedDictionary<long, List<string>> _logs = [];
    private readonly HashSet<long> _active = [];
    private readonly Dictionary<long, long> _promised = [];
    private readonly List<string> _broken = [];
    private int _createReplies;
    private long _lastCreated;
    private long _progress;

    public WatchFeed(EtcdChannel channel)
    {
        _channel = channel;
        _call = channel.Watch.Watch();
        _ = ReadAll();
    }

    /// <summary>Watches created and not canceled.</summary>
    public int ActiveCount
    {
        get
        {
            lock (_lock)
            {
                return _active.Count;
            }
        }
    }

    /// <summary>The whole of each watch's log, one line an entry.</summary>
    public IReadOnlyDictionary<long, string[]> Logs
    {
        get
        {
            lock (_lock)
            {
                return _logs.ToDictionary(log => log.Key, log => log.Value.ToArray());
            }
        }
    }

    /// <summary>Sentences about promises that this server broke on this stream.</summary>
    public string[] BrokenPromises
    {
        get
        {
            lock (_lock)
            {
                return [.. _broken];
            }
        }
    }

    /// <summary>
    /// Creates a watch and waits for its reply, which goes to the log. A start that was compacted is answered twice: the second reply is
    /// waited for, too, and the id is then given back as etcd's own client does. Until that, etcd counts such a watch as one that has not
    /// caught up (no progress is reported any more) and its id as used; it answers giving it back with one more cancel reply.
    /// </summary>
    public async Task Create(WatchCreateRequest create, long compacted)
    {
        int before;
        lock (_lock)
        {
            before = _createReplies;
        }

        await _call.Write(new WatchRequest { CreateRequest = create });
        await Until(() => _createReplies > before, "a reply to a create request");
        if (create.StartRevision <= 0 || create.StartRevision >= compacted)
            return;

        var id = _lastCreated;
        if (id == -1)
            return;

        await Until(() => !_active.Contains(id), $"the cancel reply of watch {id}, which starts at a compacted revision");
        await _call.Write(new WatchRequest { CancelRequest = new WatchCancelRequest { WatchId = id } });
    }

    /// <summary>Cancels a watch; waits for the reply when there is such a watch, as there is none otherwise.</summary>
    public async Task Cancel(long id)
    {
        bool known;
        lock (_lock)
        {
            known = _active.Contains(id);
        }

        await _call.Write(new WatchRequest { CancelRequest = new WatchCancelRequest { WatchId = id } });
        if (known)
            await Until(() => !_active.Contains(id), $"the cancel reply of watch {id}");
    }

    /// <summary>
    /// Waits until every watch of the stream has been sent all events up to a revision: asks for progress until it is granted. Must not be
    /// called while a watch starts above that revision, as no progress is reported then.
    /// </summary>
    public async Task CatchUp(long revision)
    {
        if (ActiveCount == 0)
            return;

        var deadline = DateTime.UtcNow + Wait.Limit;
        while (true)
        {
            await _call.Write(new WatchRequest { ProgressRequest = new WatchProgressRequest() });
            for (var i = 0; i < 10; i++)
            {
                lock (_lock)
                {
                    if (_progress >= revision || _active.Count == 0)
                        return;
                }
                await Task.Delay(i < 3 ? 2 : 10);
            }
            if (DateTime.UtcNow > deadline)
                throw new TimeoutException($"{_channel.Endpoint.Authority} reported no progress up to {revision} within {Wait.Limit}; it last reported {_progress}");
        }
    }

    public void Dispose()
    {
        _call.Dispose();
        _channel.Dispose();
    }

    private async Task ReadAll()
    {
        try
        {
            while (await _call.Read() is { } reply)
            {
                lock (_lock)
                {
                    Keep(reply);
                }
            }
            lock (_lock)
            {
                _broken.Add("the stream was ended with OK");
            }
        }
        catch (RpcException ended)
        {
            lock (_lock)
            {
                _broken.Add($"the stream ended: {ended.Message}");
            }
        }
        catch (OperationCanceledException)
        {
            // Disposed by the test.
        }
    }

    private void Keep(WatchResponse reply)
    {
        if (!_logs.TryGetValue(reply.WatchId, out var log))
            _logs[reply.WatchId] = log = [];

        if (reply.Created)
        {
            _createReplies++;
            _progress = 0; // what was granted before says nothing of this watch
            _lastCreated = reply.WatchId;
            log.Add(MessageText.Of(reply));
            if (!reply.Canceled)
                _active.Add(reply.WatchId);

            return;
        }
        if (reply.Canceled)
        {
            if (!_active.Remove(reply.WatchId) && log.Count > 0 && log[^1].Contains("compact_revision"))
                return;

            _promised.Remove(reply.WatchId);
            log.Add(MessageText.Of(reply));
            return;
        }
        if (reply.Events.Count == 0)
        {
            KeepProgress(reply);
            return;
        }
        foreach (var change in reply.Events)
        {
            log.Add(MessageText.Of(change));
            if (change.Kv.ModRevision > reply.Header.Revision)
                _broken.Add($"watch {reply.WatchId}: an event of revision {change.Kv.ModRevision} under the header {reply.Header.Revision}");

            if (_promised.TryGetValue(reply.WatchId, out var promised) && change.Kv.ModRevision <= promised)
                _broken.Add($"watch {reply.WatchId}: an event of revision {change.Kv.ModRevision} after progress {promised} was reported");
        }
    }

    private void KeepProgress(WatchResponse reply)
    {
        if (reply.WatchId == -1)
            _progress = Math.Max(_progress, reply.Header.Revision);

        foreach (var id in reply.WatchId == -1 ? [.. _active] : new[] { reply.WatchId })
            _promised[id] = reply.Header.Revision;
    }

    private async Task Until(Func<bool> condition, string what)
    {
        var deadline = DateTime.UtcNow + Wait.Limit;
        while (true)
        {
            lock (_lock)
            {
                if (condition())
                    return;

                if (_broken.Count > 0)
                    throw new InvalidOperationException($"{_channel.Endpoint.Authority}: {_broken[0]}, while waiting for {what}");
            }
            if (DateTime.UtcNow > deadline)
                throw new TimeoutException($"{_channel.Endpoint.Authority}: no sign of {what} within {Wait.Limit}");

            await Task.Delay(1);
        }
    }
}
