using Microsoft.Extensions.Logging;
using Orleans.Runtime;

namespace Kine.Grains.Embedded;

/// <summary>A grain's timer, which is also the call that each of its ticks makes: there is never more than one tick under way.</summary>
internal sealed class GrainTimer : IGrainTimer, ICall
{
    private readonly Activation _activation;
    private readonly Func<CancellationToken, Task> _callback;
    private readonly CancellationTokenSource _ended = new();
    private readonly ITimer _timer;
    private readonly Lock _gate = new(); // orders the arming of the timer against Change and Dispose
    private TimeSpan _period;
    private bool _ticking;
    private bool _changed; // while ticking, so that the end of the tick does not overwrite what Change armed
    private bool _disposed;
    private Task? _outcome;

    public GrainTimer(
        Activation activation, Func<CancellationToken, Task> callback, GrainTimerCreationOptions options, TimeProvider time)
    {
        _activation = activation;
        _callback = callback;
        _period = options.Period;
        Options = options.Interleave ? CallOptions.AlwaysInterleave : CallOptions.None;
        CountsAsUse = options.KeepAlive;
        var restoreFlow = !ExecutionContext.IsFlowSuppressed();
        if (restoreFlow)
        {
            ExecutionContext.SuppressFlow(); // a tick is nobody's call: it takes no caller's context along
        }

        try
        {
            _timer = time.CreateTimer(
                static state => ((GrainTimer)state!).Tick(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
        finally
        {
            if (restoreFlow)
            {
                ExecutionContext.RestoreFlow();
            }
        }

        _timer.Change(options.DueTime, Timeout.InfiniteTimeSpan); // after the field is set, for a time of zero may tick at once
    }

    public CallOptions Options { get; }

    public bool EndsWithActivation => true;

    public bool CountsAsUse { get; }

    public void Change(TimeSpan dueTime, TimeSpan period)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _period = period;
            _changed = _ticking;
            _timer.Change(dueTime, Timeout.InfiniteTimeSpan);
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            _timer.Dispose();
        }

        _activation.Forget(this);
        _ended.Cancel();
    }

    public void Execute(CallTarget target) => target.Arrive(this);

    public bool Run(CallTarget target, object instance)
    {
        lock (_gate)
        {
            if (_disposed)
            {
                return true;
            }
        }

        try
        {
            _outcome = _callback(_ended.Token);
        }
        catch (Exception exception)
        {
            _outcome = Task.FromException(exception);
        }

        if (_outcome.IsCompleted)
        {
            Finish();
            return true;
        }

        _outcome.ConfigureAwait(false).GetAwaiter().UnsafeOnCompleted(FinishLate);
        return false;
    }

    public void Reject(Exception reason)
    {
        lock (_gate)
        {
            _ticking = false;
        }
    }

    private void Tick()
    {
        lock (_gate)
        {
            if (_disposed || _ticking)
            {
                return;
            }

            _ticking = true;
            _changed = false;
        }

        _activation.Send(this);
    }

    private void FinishLate()
    {
        Finish();
        _activation.Ended(this);
    }

    private void Finish()
    {
        var stopped = _ended.IsCancellationRequested;
        if (_outcome!.Exception is { } exception)
        {
            _activation.Logger.LogError(exception.InnerException, "A timer of {Grain} failed", _activation);
        }
        else if (_outcome.IsCanceled && !stopped)
        {
            _activation.Logger.LogError("A timer of {Grain} was cancelled though it had not ended", _activation);
        }

        lock (_gate)
        {
            _ticking = false;
            if (!_disposed && !_changed)
            {
                _timer.Change(_period, Timeout.InfiniteTimeSpan);
            }
        }
    }
}
