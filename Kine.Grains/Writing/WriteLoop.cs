using System.Threading.Channels;
using Kine.Backends;
using Kine.Grains.Fencing;
using Kine.Grains.Reads;
using Kine.Grains.Watch;
using Microsoft.Extensions.Logging;

namespace Kine.Grains.Writing;

/// <summary>
/// The single writer. One loop takes requests from one channel; it alone touches the <see cref="WriteState"/>. It evaluates a request on the newest state as soon as
/// it arrives, while the batch before is at the store (group commit); a lone write waits for nobody.
/// <code>
/// Submit -> channel -> evaluate -> WriteState.Batch -> append -> publish (view, watches, followers) -> answer
///                         ^                               |
///                         `-- parked: a value is fetched  `-- its end nudges the loop through the channel, which sends the next batch first
/// </code>
/// <see cref="Submit{TReply}(WriteOperation{TReply}, CancellationToken)"/> may be called from any thread. The loop runs on the task scheduler that called
/// <see cref="Begin"/>.
/// </summary>
internal sealed class WriteLoop(ProcessState local, Tenure tenure, WatchHub hub, WriterOptions options, TimeProvider time, ILogger log)
{
    private const long MaxWaitingBytes = 64 << 20;
    private const int MaxWaiting = 100_000;

    private readonly Channel<WriterItem> _items = Channel.CreateUnbounded<WriterItem>(new UnboundedChannelOptions { SingleReader = true });
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _loopEnded = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _lock = new(); // protects changes of _life and _reason
    private volatile WriterLife _life;
    private volatile EtcdException? _reason; // what requests are answered with once it has ended
    private long _waitingBytes; // in the channel or parked
    private int _waiting;

    // From here on the loop's alone.
    private WriteState? _state;
    private BatchFlight? _flight;
    private int _parked;

    /// <summary>Completes when the writer has ended by itself or was stopped.</summary>
    public Task Ended => _ended.Task;

    /// <summary>Where it stands.</summary>
    public WriterLife Life => _life;

    /// <summary>True once everything that was accepted is durable, published and answered, and the loop has ended.</summary>
    public bool HasDrained { get; private set; }

    /// <summary>Called in the loop with every batch that was published, in order.</summary>
    public Action<EventBatch> Published { get; set; } = static _ => { };

    /// <summary>The newest state, for items that run in the loop.</summary>
    public WriteState State => _state ?? throw EtcdErrors.NoLeader;

    private bool HasEnded => _life == WriterLife.Ended;

    private bool HasItems => _items.Reader.TryPeek(out _);

    /// <summary>Shows readers what was loaded and starts to answer on it. Throws when the writer has ended meanwhile.</summary>
    public void Begin(WriteState state, KeyspaceView view)
    {
        _state = state;
        _flight = new BatchFlight(this, local, view, tenure, hub, options, time, log);
        lock (_lock)
        {
            if (!Move(WriterLife.Writing))
                throw _reason!.Copy();

            local.Writer = view;
        }

        _ = Run();
    }

    /// <summary>Evaluates, appends and answers a request, whose caller may stop to wait. Refusals are thrown at once.</summary>
    public Task<TReply> Submit<TReply>(WriteOperation<TReply> operation, CancellationToken cancellationToken = default)
        where TReply : class
    {
        switch (_life)
        {
            case WriterLife.Loading:
                throw EtcdErrors.NoLeader;
            case WriterLife.StoreAway:
                throw EtcdErrors.TimedOut;
            case WriterLife.Draining:
                throw EtcdErrors.ServerStopped;
        }

        if (!Admit(operation))
        {
            Dismiss(operation);
            throw EtcdErrors.TooManyRequests;
        }

        operation.GiveUpOn(cancellationToken);
        Post(operation);
        return operation.Answered;
    }

    /// <summary>The same for a request that is one function of the state.</summary>
    public Task<TReply> Submit<TReply>(Func<WriteState, TReply> evaluate)
        where TReply : class => Submit(new StateOperation<TReply>(evaluate));

    /// <summary>Does work of the writer's own in the loop; fails with the writer's reason once that has ended.</summary>
    public Task<T> Call<T>(Func<WriteState, T> call)
    {
        var item = new StateCall<T>(call);
        Post(item);
        return item.Done;
    }

    /// <summary>Answers what was accepted, refuses what comes, and ends. Returns when the loop has ended, at once when it had ended before.</summary>
    public async Task Drain()
    {
        if (_life == WriterLife.Loading)
        {
            End(EtcdErrors.ServerStopped);
            return;
        }

        if (!Move(WriterLife.Draining) && _life != WriterLife.Draining)
            End(EtcdErrors.ServerStopped);

        Post(Nudge.Instance);
        await _loopEnded.Task;
    }

    /// <summary>This writer writes no more: everybody who waits is told, and the next call finds a new one that loads what the store holds.</summary>
    public void End(EtcdException error, Exception reason, string what)
    {
        if (!End(error))
            return;

        if (reason is FencedException)
            log.LogWarning("{What}: {Reason}; the writer starts over from the store", what, reason.Message);
        else
            log.LogError(reason, "{What}; the writer starts over from the store", what);
    }

    /// <summary>The same without a word in the log. False when it had ended before.</summary>
    public bool End(EtcdException error)
    {
        lock (_lock)
        {
            if (HasEnded)
                return false;

            var begun = _life != WriterLife.Loading;
            _reason = error;
            _life = WriterLife.Ended;
            if (!begun)
            {
                _items.Writer.TryComplete();
                _loopEnded.SetResult();
            }
        }

        local.Writer = null;
        tenure.End();
        _ended.TrySetResult();
        _items.Writer.TryWrite(Nudge.Instance);
        return true;
    }

    /// <summary>The same for what the store said. When what it holds can't be trusted any more, the process has to end too.</summary>
    public void Lose(Exception error, string what)
    {
        if (error is not StoreBrokenException)
        {
            End(EtcdErrors.LeaderChanged, error, what);
            return;
        }

        End(EtcdErrors.ServerStopped, error, "The store can't be trusted any more");
        options.Fatal(error.Message);
    }

    /// <summary>Evaluates a request in the loop.</summary>
    internal void Evaluate(WriteOperation operation)
    {
        Dismiss(operation);
        if (_life == WriterLife.StoreAway)
        {
            operation.Fail(EtcdErrors.TimedOut);
            return;
        }

        try
        {
            operation.Evaluate(State);
        }
        catch (EtcdException error)
        {
            operation.Error = error;
        }
        catch (Exception error)
        {
            // A transaction may have stopped half-way: what is in memory can't be trusted, what is in the store can.
            operation.Release();
            operation.Fail(EtcdErrors.LeaderChanged);
            End(EtcdErrors.LeaderChanged, error, "Evaluating a request failed");
            return;
        }

        if (operation.Needs is null)
        {
            State.Batch.Operations.Add(operation);
            return;
        }

        _parked++;
        Admit(operation);
        _ = Park(operation);
    }

    /// <summary>Evaluates in the loop what was evaluated and taken back.</summary>
    internal void EvaluateAgain(WriteOperation operation)
    {
        if (HasEnded)
        {
            operation.Release();
            operation.Fail(_reason!);
            return;
        }

        operation.Reset();
        Admit(operation);
        Evaluate(operation);
    }

    /// <summary>Takes a parked request back in the loop. It is evaluated anew, unless it was answered meanwhile.</summary>
    internal void Resume(WriteOperation operation, bool answered)
    {
        _parked--;
        if (!answered)
        {
            Evaluate(operation);
            return;
        }

        Dismiss(operation);
    }

    /// <summary>False when no step leads there from where the writer stands.</summary>
    internal bool Move(WriterLife next)
    {
        lock (_lock)
        {
            var possible = (_life, next) switch
            {
                (WriterLife.Loading or WriterLife.OutcomeUnknown or WriterLife.StoreAway, WriterLife.Writing) => true,
                (WriterLife.Writing, WriterLife.OutcomeUnknown) => true,
                (WriterLife.OutcomeUnknown, WriterLife.StoreAway) => true,
                (WriterLife.Writing or WriterLife.OutcomeUnknown, WriterLife.Draining) => true,
                _ => false,
            };
            if (possible)
                _life = next;

            return possible;
        }
    }

    /// <summary>Makes the loop look again once the task has ended.</summary>
    internal async Task NudgeAfter(Task task)
    {
        await task;
        _items.Writer.TryWrite(Nudge.Instance);
    }

    // False when more waits than is allowed.
    private bool Admit(WriterItem item)
    {
        var bytes = Interlocked.Add(ref _waitingBytes, item.Size);
        return Interlocked.Increment(ref _waiting) <= MaxWaiting && bytes <= MaxWaitingBytes;
    }

    private void Dismiss(WriterItem item)
    {
        Interlocked.Add(ref _waitingBytes, -item.Size);
        Interlocked.Decrement(ref _waiting);
    }

    private void Post(WriterItem item)
    {
        if (!_items.Writer.TryWrite(item))
            item.Fail(_reason!);
    }

    private async Task Run()
    {
        try
        {
            while (!HasEnded && await _items.Reader.WaitToReadAsync())
                await Turn(_flight!);
        }
        catch (Exception error)
        {
            End(EtcdErrors.LeaderChanged, error, "The writer failed");
        }
        finally
        {
            FailEverything();
            _loopEnded.SetResult();
        }
    }

    // Goes on until nothing is left to do before the next item arrives. The end of an append is such an item.
    private async Task Turn(BatchFlight flight)
    {
        do
        {
            EvaluateArrived();
            if (flight.IsUnderWay && State.Batch.IsFull && !HasEnded)
                await Task.WhenAny(flight.Landing, _ended.Task);

            if (flight.HasLanded && !HasEnded)
                await flight.Conclude();

            if (!flight.IsUnderWay && !HasEnded)
                flight.StartNext();
        }
        while (!HasEnded && (flight.HasLanded || (HasItems && !State.Batch.IsFull)));

        if (_life == WriterLife.Draining && !flight.IsUnderWay && _parked == 0 && !HasItems)
            HasDrained = End(EtcdErrors.ServerStopped);
    }

    private void EvaluateArrived()
    {
        while (!HasEnded && !State.Batch.IsFull && _items.Reader.TryRead(out var item))
            item.Run(this);
    }

    private void FailEverything()
    {
        _items.Writer.TryComplete();
        var error = _reason ?? EtcdErrors.LeaderChanged;
        _flight!.Fail(error);
        State.Batch.Fail(error);
        while (_items.Reader.TryRead(out var item))
            item.Fail(error);
    }

    // Only this request waits; others that touch the same keys may overtake it, as concurrent requests may.
    private async Task Park(WriteOperation operation) => Post(new ParkedOperation(operation, !await Fetch(operation)));

    // False when the request was answered, and so must not happen any more.
    private async Task<bool> Fetch(WriteOperation operation)
    {
        try
        {
            operation.Resume(await local.Values.Read(operation.Needs!, operation.TimeToPark(time, options.RequestTimeout), time));
            return true;
        }
        catch (Exception error) when (error is StoreUnavailableException or TimeoutException)
        {
            log.LogWarning("A value that a transaction depends on could not be read: {Reason}", error.Message);
            operation.Fail(EtcdErrors.TimedOut);
        }
        catch (Exception error)
        {
            Lose(error, "Reading a value that a transaction depends on failed");
            operation.Fail(_reason!);
        }

        return false;
    }
}
