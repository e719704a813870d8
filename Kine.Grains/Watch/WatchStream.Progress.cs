namespace Kine.Grains.Watch;

/// <summary>
/// Progress replies. Each promises that every event up to its header's revision was sent on this stream before, so the revision is taken first,
/// then everything queued by then is sent, then the watchers are looked at, and only then the reply is made.
/// </summary>
public sealed partial class WatchStream
{
    private ITimer? _timer;
    private bool _tick;
    private int _progressRequests;
    private long _progressRevision; // 0: not taken yet
    private int _progressTurns; // queued watchers to serve before the question can be answered
    private bool _progressBlocked; // until a link becomes ready

    private enum Drained
    {
        /// <summary>All was sent.</summary>
        Yes,

        /// <summary>Something up to the revision is still in the chain.</summary>
        NotYet,

        /// <summary>The watcher is catching up, starts above, or is gone.</summary>
        Never,
    }

    private bool HasProgressWork => _progressRequests > 0 && !_progressBlocked;

    private void RequestProgress()
    {
        lock (_gate)
        {
            _progressRequests++;
            WakeReader();
        }
    }

    private void StartTicks()
    {
        if (_timer is not null)
            return;

        var interval = _options.ProgressInterval < WatchHub.MinProgressInterval ? WatchHub.MinProgressInterval : _options.ProgressInterval;
        interval += interval * (Random.Shared.NextDouble() / 10);
        _timer = _hub.Time.CreateTimer(static stream => ((WatchStream)stream!).Tick(), this, interval, interval);
    }

    private void Tick()
    {
        lock (_gate)
        {
            _tick = true;
            WakeReader();
        }
    }

    private void AnswerTick()
    {
        _tick = false;
        var revision = _hub.Revision;
        foreach (var watcher in _watchers.Values)
        {
            if (!watcher.ProgressNotify)
                continue;

            if (watcher.ProgressDue && IsDrained(watcher, revision) == Drained.Yes)
                _control.Enqueue(new ControlReply(watcher.Id, revision));

            watcher.ProgressDue = true;
        }
    }

    private void AnswerProgress()
    {
        if (_progressRevision == 0)
        {
            _progressRevision = Math.Max(_hub.Revision, 1);
            _progressTurns = _ready.Count;
        }

        if (_progressTurns > 0 && _ready.Count > 0)
            return;

        var any = false;
        foreach (var watcher in _watchers.Values)
        {
            switch (IsDrained(watcher, _progressRevision))
            {
                case Drained.Never:
                    EndProgress();
                    return;
                case Drained.NotYet:
                    _progressTurns = _ready.Count;
                    _progressBlocked = _ready.Count == 0;
                    return;
                default:
                    any = true;
                    break;
            }
        }

        for (var i = 0; any && i < _progressRequests; i++)
            _control.Enqueue(new ControlReply(ControlReply.NoWatch, _progressRevision));

        EndProgress();
    }

    private void EndProgress()
    {
        _progressRequests = 0;
        _progressRevision = 0;
        _progressBlocked = false;
    }

    private static Drained IsDrained(Watcher watcher, long revision)
    {
        if (watcher.State != WatcherState.Synced || watcher.Start > revision)
            return Drained.Never;

        if (watcher.Piece is not null)
            return Drained.NotYet;

        return watcher.Cursor!.Next is { } next && next.FirstRevision <= revision ? Drained.NotYet : Drained.Yes;
    }
}
