using System.Diagnostics.CodeAnalysis;
using Kine.Etcd;

namespace Kine.Grains.Watch;

/// <summary>
/// One client's watch stream (etcd v3 API, Watch.Watch): takes its requests and gives its replies in the order in which they must be sent. One
/// caller feeds <see cref="Receive"/> and one caller reads:
/// <code>
/// while (await stream.WaitToRead())
///     while (stream.TryRead(out WatchReply? reply))
///         write reply
/// </code>
/// Nothing is made ahead of the reader: a watcher's events stay in its group's chain, which it leaves when it falls too far behind.
/// Lock order: the hub's lock, then a stream's.
/// </summary>
public sealed partial class WatchStream : IDisposable
{
    private readonly WatchHub _hub;
    private readonly WatchHubOptions _options;
    private readonly Lock _gate = new(); // guards what follows, and in each watcher what says so
    private readonly Dictionary<long, Watcher> _watchers = [];
    private readonly Queue<ControlReply> _control = new();
    private readonly Queue<Watcher> _ready = new();
    private readonly List<Watcher> _asking = [];
    private readonly WatchReply _reply = new();
    private readonly StreamSignal _signal;
    private TaskCompletionSource? _room;
    private EtcdException? _error;
    private bool _ended;
    private bool _waiting;
    private long _nextId;

    internal WatchStream(WatchHub hub, WatchHubOptions options)
    {
        _hub = hub;
        _options = options;
        _signal = new StreamSignal(Continues);
    }

    private bool HasWork => _ended || _reply.HasMoreFragments || _control.Count > 0 || _ready.Count > 0 || _tick || HasProgressWork;

    /// <summary>
    /// Takes a request of the client. Completes when the stream has room for more; a client that asks without reading waits.
    /// </summary>
    public ValueTask Receive(WatchRequest request) =>
        _hub.IsBehind && request.RequestUnionCase != WatchRequest.RequestUnionOneofCase.CancelRequest ? ReceiveAfterReach(request) : Take(request);

    // A client that wrote through this process sees a watch or a progress reply begin behind its write.
    private async ValueTask ReceiveAfterReach(WatchRequest request)
    {
        await _hub.WaitForPublished();
        await Take(request);
    }

    private ValueTask Take(WatchRequest request)
    {
        switch (request.RequestUnionCase)
        {
            case WatchRequest.RequestUnionOneofCase.CreateRequest:
                Create(request.CreateRequest);
                break;
            case WatchRequest.RequestUnionOneofCase.CancelRequest:
                _hub.Cancel(this, request.CancelRequest.WatchId);
                break;
            case WatchRequest.RequestUnionOneofCase.ProgressRequest:
                RequestProgress();
                break;
            default:
                return default; // etcd ignores what it does not know
        }

        lock (_gate)
        {
            if (_ended || _control.Count + _progressRequests < _options.ControlReplies)
                return default;

            _room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return new ValueTask(_room.Task);
        }
    }

    /// <summary>
    /// Completes when there is something to read, with false when the stream was disposed of. Throws the <see cref="EtcdException"/> that the hub was
    /// stopped with.
    /// </summary>
    public ValueTask<bool> WaitToRead()
    {
        lock (_gate)
        {
            if (HasWork)
                return new ValueTask<bool>(Continues());

            _reply.Release();
            _waiting = true;
            return new ValueTask<bool>(_signal.Arm(), _signal.Version);
        }
    }

    /// <summary>The next reply, if there is one; by asking, the caller says that it is done with the one before.</summary>
    public bool TryRead([NotNullWhen(true)] out WatchReply? reply)
    {
        bool found;
        lock (_gate)
        {
            found = !_ended && Next();
            if (_room is not null && (_ended || _control.Count + _progressRequests <= _options.ControlReplies / 2))
            {
                _room.SetResult();
                _room = null;
            }
        }

        if (_asking.Count > 0)
        {
            _hub.CatchUp(_asking);
            _asking.Clear();
        }

        reply = found ? _reply : null;
        return found;
    }

    /// <summary>Ends the stream and all its watches. A waiting reader gets false.</summary>
    public void Dispose() => _hub.Close(this);

    internal void End(EtcdException? error)
    {
        lock (_gate)
        {
            if (_ended)
                return;

            _ended = true;
            _error = error;
            WakeReader();
            _room?.SetResult();
            _room = null;
        }

        _timer?.Dispose();
    }

    /// <summary>Wakes the reader; for whoever got true from one of the calls that say so.</summary>
    internal void Wake() => _signal.Set();

    private bool Continues() => _error is null ? !_ended : throw _error.Copy();

    /// <summary>Makes the next reply; under the stream's lock.</summary>
    private bool Next()
    {
        if (_reply.HasMoreFragments)
        {
            _reply.MoveToFragment(_options.FragmentBytes);
            return true;
        }

        if (_tick)
            AnswerTick();

        while (true)
        {
            if (HasProgressWork)
                AnswerProgress();

            if (_control.TryDequeue(out var control))
            {
                _reply.Begin(_hub.Identity);
                _reply.End(control, long.MaxValue);
                return true;
            }

            if (!_ready.TryDequeue(out var watcher))
                return false;

            _progressTurns--;
            // A full fence: the publisher extends the chain and then reads this flag, here it is the other way round.
            Interlocked.Exchange(ref watcher.Queued, 0);
            if (Fill(watcher))
                return true;
        }
    }

    private bool Fill(Watcher watcher)
    {
        _reply.Begin(_hub.Identity);
        long revision;
        if (watcher.Piece is { } piece)
        {
            watcher.Piece = null;
            _hub.CountPieces(-1);
            revision = piece.Revision;
            _reply.Add(piece.Run, piece.From);
            if (watcher.State == WatcherState.Unsynced || watcher.Cursor?.Next is not null)
                Enqueue(watcher);
        }
        else if (watcher.Cursor is not null)
        {
            revision = Gather(watcher);
            if (_reply.EventCount == 0)
                return false;
        }
        else
        {
            if (watcher.State == WatcherState.Unsynced && !watcher.Requested)
            {
                watcher.Requested = true;
                _asking.Add(watcher);
            }

            return false;
        }

        watcher.ProgressDue = false;
        _reply.End(new ControlReply(watcher.Id, revision), watcher.Fragment ? _options.FragmentBytes : long.MaxValue);
        return true;
    }

    /// <summary>Takes what is ready of the chain, whole links, and gives the revision of the last event.</summary>
    private long Gather(Watcher watcher)
    {
        var cursor = watcher.Cursor!;
        long revision = 0;
        for (var revisions = 0; cursor.Next is { IsReady: true } next; revisions += next.Events.Length)
        {
            if (_reply.EventCount > 0 && (_reply.EventBytes + next.Length > _options.ReplyBytes || revisions >= _options.ReplyRevisions))
            {
                Enqueue(watcher);
                break;
            }

            var from = next.IndexOf(watcher.Next);
            if (from < next.Events.Length)
            {
                _reply.Add(next, from);
                revision = next.LastRevision;
                watcher.Next = revision + 1;
            }

            cursor.RemoveReader();
            cursor = next;
        }

        watcher.Cursor = cursor;
        return revision;
    }

    /// <summary>Queues a watcher that has something to send; under the stream's lock.</summary>
    private void Enqueue(Watcher watcher)
    {
        if (Interlocked.Exchange(ref watcher.Queued, 1) == 0)
            _ready.Enqueue(watcher);

        _progressBlocked = false;
    }

    /// <summary>Wakes the reader, if it waits; it goes on on a thread of the pool. Under the stream's lock.</summary>
    private void WakeReader()
    {
        if (TakeWaiting())
            _signal.Set();
    }

    /// <summary>True when the reader waits: whoever gets that must wake it.</summary>
    private bool TakeWaiting()
    {
        var waiting = _waiting;
        _waiting = false;
        return waiting;
    }
}
