using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Runtime;

namespace Kine.Grains.Embedded;

/// <summary>
/// One grain in memory, from its first call to its deactivation. Changes of state happen within turns only; see
/// <see cref="ActivationState"/>.
/// </summary>
internal sealed class Activation(GrainHost host, GrainClass grainClass, string key)
    : CallTarget(grainClass.IsReentrant, host.Logger), IGrainContext
{
    private static readonly WorkSignal CheckIdle = new(static target => ((Activation)target).OnCheckIdle());
    private static readonly WorkSignal Overdue = new(static target => ((Activation)target).OnOverdue());

    private readonly TaskCompletionSource _deactivated = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _timersGate = new(); // a timer may be disposed from any thread
    private List<GrainTimer>? _timers;
    private volatile ActivationState _state;
    private DeactivationReason? _leaving; // set once deactivation is asked for: no call starts any more
    private CancellationToken _leavingToken;
    private ITimer? _overdueTimer;
    private long _lastUse = host.Now; // host.Now units; read from any thread
    private long _keepUntil = long.MinValue; // likewise

    public GrainId GrainId => new(grainClass.Name, key);

    public object? GrainInstance { get; private set; }

    public IServiceProvider ActivationServices => host.Services;

    public Task Deactivated => _deactivated.Task;

    public IGrainFactory GrainFactory => host.Factory;

    public override IGrainContext Context => this;

    public override bool IsGone => _state == ActivationState.Ended;

    public GrainClass GrainClass => grainClass;

    public string Key => key;

    protected override object? ReadyInstance => _state == ActivationState.Active && _leaving is null ? GrainInstance : null;

    public override void Arrive(ICall call)
    {
        if (ReadyInstance is { } instance)
        {
            StartOrWait(call, instance);
        }
        else if (_state == ActivationState.Ended)
        {
            PassOn(call);
        }
        else
        {
            Wait(call);
            if (_state == ActivationState.New)
            {
                _ = ActivateAsync(); // ends in a state, never in an exception
            }
        }
    }

    public void Deactivate(DeactivationReason deactivationReason, CancellationToken cancellationToken = default) =>
        Send(new WorkSignal(_ => OnLeave(deactivationReason, cancellationToken)));

    public IGrainTimer RegisterTimer(Func<CancellationToken, Task> callback, GrainTimerCreationOptions options)
    {
        if (_state == ActivationState.Ended)
        {
            throw new InvalidOperationException($"{this} has ended and takes no timers.");
        }

        lock (_timersGate)
        {
            var timer = new GrainTimer(this, callback, options, host.Time);
            (_timers ??= []).Add(timer);
            return timer;
        }
    }

    public void Forget(GrainTimer timer)
    {
        lock (_timersGate)
        {
            _timers?.Remove(timer);
        }
    }

    public void DelayDeactivation(TimeSpan timeSpan) => Volatile.Write(
        ref _keepUntil,
        timeSpan == Timeout.InfiniteTimeSpan ? long.MaxValue
        : timeSpan <= TimeSpan.Zero ? long.MinValue
        : host.Now + timeSpan.Ticks);

    public TGrainInterface ReferenceTo<TGrainInterface>() where TGrainInterface : class, IGrain =>
        host.Reference<TGrainInterface>(key);

    /// <summary>Ends the activation if nobody has used it since <paramref name="before"/>. From any thread.</summary>
    public void CollectIfUnusedSince(long before)
    {
        if (LooksIdle(before))
        {
            Send(CheckIdle);
        }
    }

    public override string ToString() => GrainId.ToString();

    protected override void Touch() => Volatile.Write(ref _lastUse, host.Now);

    protected override void OnSettled()
    {
        if (_leaving is { } reason && _state == ActivationState.Active && !IsBusy)
        {
            _ = LeaveAsync(reason);
        }
    }

    private bool LooksIdle(long before) =>
        !grainClass.KeepsAlive
        && _state is ActivationState.New or ActivationState.Active
        && Volatile.Read(ref _lastUse) <= before
        && Volatile.Read(ref _keepUntil) <= host.Now
        && !IsBusy;

    private void OnCheckIdle()
    {
        if (LooksIdle(host.IdleBefore))
        {
            OnLeave(new DeactivationReason(DeactivationReasonCode.ActivationIdle, "Nobody called for a while."), default);
        }
    }

    private async Task ActivateAsync()
    {
        _state = ActivationState.Activating;
        try
        {
            if (!host.IsRunning)
            {
                throw GrainHost.NotRunning(GrainId); // the stop came between the call and its turn
            }

            GrainInstance = grainClass.Create(host.Services);
            if (GrainInstance is IGrainBase grain)
            {
                await grain.OnActivateAsync(host.Stopping);
            }
        }
        catch (Exception exception)
        {
            await ReleaseAsync();
            End(exception);
            return;
        }

        Touch();
        _state = ActivationState.Active;
        if (_leaving is null)
        {
            Resume();
        }
        else
        {
            OnSettled();
        }
    }

    private void OnLeave(DeactivationReason reason, CancellationToken cancellationToken)
    {
        if (_leaving is not null || _state == ActivationState.Ended)
        {
            return;
        }

        _leaving = reason;
        _leavingToken = cancellationToken;
        WatchSettling();
        if (_state == ActivationState.New)
        {
            End(failure: null);
            return;
        }

        EndTimers(); // first, so that a callback that heeds its token does not hold up the end
        OnSettled();
        if (_state == ActivationState.Active)
        {
            _overdueTimer = host.Time.CreateTimer(
                static state => ((Activation)state!).Send(Overdue), this, host.DeactivationTimeout, Timeout.InfiniteTimeSpan);
        }
    }

    private void OnOverdue()
    {
        if (_state != ActivationState.Active || _leaving is not { } reason)
        {
            return;
        }

        Logger.LogWarning("{Grain} is deactivated though calls in it have not ended", this);
        _ = LeaveAsync(reason);
    }

    private async Task LeaveAsync(DeactivationReason reason)
    {
        _state = ActivationState.Deactivating;
        try
        {
            if (GrainInstance is IGrainBase grain)
            {
                using var overtime = new CancellationTokenSource(host.DeactivationTimeout, host.Time);
                using var either = CancellationTokenSource.CreateLinkedTokenSource(overtime.Token, _leavingToken);
                await grain.OnDeactivateAsync(reason, either.Token).WaitAsync(either.Token);
            }
        }
        catch (Exception exception)
        {
            Logger.LogError(exception, "The deactivation of {Grain} failed", this);
        }

        await ReleaseAsync();
        End(failure: null);
    }

    private async Task ReleaseAsync()
    {
        EndTimers();
        if (_overdueTimer is not null)
        {
            await _overdueTimer.DisposeAsync();
        }

        try
        {
            if (GrainInstance is IAsyncDisposable asyncDisposable)
            {
                await asyncDisposable.DisposeAsync();
            }
            else if (GrainInstance is IDisposable disposable)
            {
                disposable.Dispose();
            }
        }
        catch (Exception exception)
        {
            Logger.LogError(exception, "Disposing {Grain} failed", this);
        }
    }

    private void EndTimers()
    {
        GrainTimer[] timers;
        lock (_timersGate)
        {
            timers = _timers?.ToArray() ?? [];
        }

        foreach (var timer in timers)
        {
            timer.Dispose();
        }
    }

    private void End(Exception? failure)
    {
        host.Remove(this);
        _state = ActivationState.Ended;
        while (TryTakeWaiting(out var call))
        {
            if (failure is not null)
            {
                call.Reject(failure);
            }
            else
            {
                PassOn(call);
            }
        }

        _deactivated.SetResult();
    }

    private void PassOn(ICall call)
    {
        if (call.EndsWithActivation)
        {
            return;
        }

        if (host.Find(grainClass, key) is { } successor)
        {
            successor.Send(call);
        }
        else
        {
            call.Reject(GrainHost.NotRunning(GrainId));
        }
    }
}
