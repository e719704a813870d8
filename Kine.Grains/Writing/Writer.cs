using Kine.Backends;
using Kine.Etcd;
using Kine.Grains.Fencing;
using Kine.Grains.Reads;
using Kine.Grains.Watch;
using Microsoft.Extensions.Logging;

namespace Kine.Grains.Writing;

/// <summary>
/// The single writer of a store, in parts: <see cref="Tenure"/> takes the store over and keeps it, <see cref="LogLoader"/> reads it, <see cref="WriteLoop"/> writes,
/// <see cref="Compaction"/>, <see cref="Leases"/> and <see cref="Maintenance"/> work through the loop. It needs no silo. Started and stopped once.
/// </summary>
internal sealed class Writer : IKeyspaceWriter
{
    private const int TailPage = 4096;
    private const int TailPageBytes = 8 << 20;

    private readonly ProcessState _local;
    private readonly WatchHub _hub;
    private readonly WriterOptions _options;
    private readonly Candidacy _candidacy;
    private readonly ILeaseClocks _clocks;
    private readonly ILogger _log;
    private readonly Tenure _tenure;
    private readonly CancellationTokenSource _ending = new();
    private readonly TaskCompletionSource _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _stopping;
    private KeyspaceView? _view;
    private Task? _stopped;

    /// <summary>Nothing happens before <see cref="Start"/>.</summary>
    public Writer(ProcessState local, Candidacy candidacy, WatchHub hub, ILeaseClocks clocks, WriterOptions options, TimeProvider time, ILogger log)
    {
        _local = local;
        _hub = hub;
        _options = options;
        _candidacy = candidacy;
        _clocks = clocks;
        _log = log;
        _tenure = new Tenure(local.Store, local.Proof, candidacy, options, time, log);
        Loop = new WriteLoop(local, _tenure, hub, options, time, log);
        _tenure.Lost = Loop.Lose;
        Leases = new WriterLeases(Loop, local.Proof, clocks, options);
        Compaction = new Compactor(Loop, local.Store, local.Pins, local.Values, options, time, log);
        Maintenance = new WriterMaintenance(Loop, local, options, log);
    }

    /// <summary>Evaluates, appends, publishes and answers.</summary>
    public WriteLoop Loop { get; }

    /// <summary>Leases and what is attached to them.</summary>
    public WriterLeases Leases { get; }

    /// <summary>Compaction, asked for or by interval.</summary>
    public Compactor Compaction { get; }

    /// <summary>What operators ask.</summary>
    public WriterMaintenance Maintenance { get; }

    /// <summary>Completes when the writer has ended without being stopped.</summary>
    public Task Failed => _failed.Task;

    public Task<PutResponse> Put(PutRequest request, CancellationToken cancellationToken) => Loop.Submit(new PutOperation(request), cancellationToken);

    public Task<DeleteRangeResponse> DeleteRange(DeleteRangeRequest request, CancellationToken cancellationToken) =>
        Loop.Submit(new DeleteRangeOperation(request), cancellationToken);

    public Task<TxnReply> Txn(TxnRequest request, CancellationToken cancellationToken) => Loop.Submit(new TxnOperation(request), cancellationToken);

    /// <summary>
    /// Takes the store over, lets <paramref name="moveIn"/> fill it when it is new, loads it and begins to answer, on the task scheduler of the caller. Throws "no
    /// leader" while another process holds the store, "timed out" when the store cannot be reached. What failed is ended.
    /// </summary>
    public async Task Start(Func<Fence, CancellationToken, Task<Fence>> moveIn, CancellationToken cancellationToken)
    {
        try
        {
            var fence = await _tenure.TakeOver(cancellationToken);
            _ = _tenure.RenewWhenIdle();
            await Load(await MoveIn(moveIn, fence, cancellationToken), cancellationToken);
        }
        catch (Exception error)
        {
            Loop.End(EtcdErrors.NoLeader);
            _local.Replica.Resume();
            if (error is OperationCanceledException)
                await _tenure.Release(); // told to stop while it loaded what it had taken over

            throw error switch
            {
                StoreUnavailableException or OutcomeUnknownException => Unreachable(error),
                FencedException => EtcdErrors.NoLeader,
                _ => error,
            };
        }
    }

    /// <summary>Answers what was accepted, accepts nothing more, and releases the store, unless the writer had ended by itself.</summary>
    public Task Stop()
    {
        lock (_ending)
        {
            return _stopped ??= StopOnce();
        }
    }

    private async Task StopOnce()
    {
        _stopping = true;
        var lost = Loop.Life == WriterLife.Ended;
        await Loop.Drain();
        await End();
        if (!lost && await _tenure.Release() && _view is { } view && Loop.HasDrained && !_local.Store.IsExclusive)
            _local.Replica.Return(view); // nothing is in flight, and nobody wrote since
    }

    /// <summary>Completes once certain that no later writer had begun when this was called and that the view is this writer's; else Unavailable.</summary>
    public async Task Prove(Guid view)
    {
        await _tenure.Prove();

        // A later writer's proof says nothing about what this one showed.
        if (_local.Writer?.Id != view)
            throw EtcdErrors.LeaderChanged;
    }

    private async Task<Fence> MoveIn(Func<Fence, CancellationToken, Task<Fence>> moveIn, Fence fence, CancellationToken cancellationToken)
    {
        try
        {
            return await moveIn(fence, cancellationToken);
        }
        catch (Exception error) when (error is not (
            StoreUnavailableException or OutcomeUnknownException or FencedException or StoreBrokenException or OperationCanceledException))
        {
            await _tenure.Release(); // it is refused for good: nobody has to wait for this process
            throw;
        }
    }

    private async Task Load(Fence fence, CancellationToken cancellationToken)
    {
        var loader = new LogLoader(_local, _tenure.Token, _options, _log);
        (var state, var view, var tailFrom, var mayHaveLeftOvers) = await loader.Load(fence, _hub.Revision, cancellationToken);
        var published = view.State;
        var followed = _hub.FollowsWithin(tailFrom, published.Revision) ? _hub.Revision : (long?)null;
        var tail = await ReadTail(followed + 1 ?? tailFrom, view, cancellationToken);
        view.Changes = this;
        _view = view;
        _local.Identity = state.Identity;
        Loop.Begin(state, view);
        _hub.Identity = new ReplyIdentity(state.Identity.ClusterId, state.Identity.MemberId, state.Term);
        _local.Replica.Rest();
        if (followed is { } before && !_hub.IsLeaderless)
            _hub.Publish(new EventBatch(before, published.Revision, published.CompactRevision, tail));
        else
            _hub.Load(followed + 1 ?? Math.Min(tailFrom, published.Revision + 1), published.Revision, published.CompactRevision, tail);

        Leases.Restart(state);
        _tenure.Regained = Regained;
        if (state.CompactRevision > 0)
            Compaction.GoOn(state.CompactRevision, mayHaveLeftOvers);

        _ = _clocks.Watch(_ending.Token);
        _ = Compaction.CompactByInterval(state.Revision);
        _ = EndWithLoop();
        if (!_local.Store.IsExclusive)
            _log.LogInformation("This process is the store's writer now: epoch {Epoch}, revision {Revision}", _tenure.Token.Epoch, state.Revision);
    }

    private async Task<List<KeyEvent>> ReadTail(long from, KeyspaceView view, CancellationToken cancellationToken)
    {
        var events = new List<KeyEvent>();
        for (var next = from; next <= view.State.Revision;)
        {
            var page = await LogEvents.Read(
                _local.Store, view.Index, next, view.State.Revision, TailPage, TailPageBytes, cancellationToken);
            events.AddRange(page.Events);
            next = page.Through + 1;
        }

        return events;
    }

    private EtcdException Unreachable(Exception error)
    {
        _candidacy.LogUnreachable(error.Message);
        return EtcdErrors.TimedOut;
    }

    // Nobody's keep-alives were answered while the proof had lapsed.
    private void Regained()
    {
        _log.LogInformation("The store answers again; leases have their whole time to live again, or what was last noted of it");
        _ = Leases.RestartInLoop();
    }

    private async Task EndWithLoop()
    {
        await Loop.Ended;
        await End();
        if (!_stopping)
            _failed.SetResult();
    }

    private async Task End()
    {
        await _ending.CancelAsync();
        await Compaction.Stop();
    }
}
