namespace Kine.Backends.Nats;

/// <summary>
/// Tends the reserve in the background, while this process holds the log: fills it, and when space ran out, deletes what can be deleted until there is some again.
/// </summary>
internal sealed class RoomMaker(SpaceReserve reserve, Compactor compactor) : IAsyncDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan ProbeInterval = TimeSpan.FromSeconds(10); // others may make room, too
    private readonly CancellationTokenSource _closing = new();
    private readonly Lock _lock = new();
    private Task _tending = Task.CompletedTask;
    private bool _isTending;
    private bool _again;

    /// <summary>Begins, where it has not begun.</summary>
    public void Start()
    {
        lock (_lock)
        {
            _again = true;
            if (_isTending || _closing.IsCancellationRequested)
                return;

            _isTending = true;
            _tending = Task.Run(Tend);
        }
    }

    /// <summary>Begins where the reserve has become too small.</summary>
    public void KeepUp()
    {
        if (reserve.IsShort)
            Start();
    }

    /// <summary>Looks whether there is space after a take-over, for as long as that is worth a wait.</summary>
    public async Task Look(TimeSpan patience)
    {
        Start();
        await _tending.WaitAsync(patience).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync().ConfigureAwait(false);
        await _tending.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task Tend()
    {
        long? collected = null;
        long probedAt = 0;
        while (Goes())
        {
            await TryMakeRoom().ConfigureAwait(false);
            if (collected != compactor.Collected || !reserve.IsFull || Environment.TickCount64 - probedAt >= ProbeInterval.TotalMilliseconds)
            {
                (collected, probedAt) = (compactor.Collected, Environment.TickCount64); // from before it is filled
                await TryFill().ConfigureAwait(false);
            }

            if (reserve.IsFull)
                await Task.Delay(Interval, _closing.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private bool Goes()
    {
        lock (_lock)
        {
            _isTending = (_again || reserve.IsFull) && !_closing.IsCancellationRequested;
            _again = false;
            return _isTending;
        }
    }

    private async Task TryMakeRoom()
    {
        try
        {
            if (reserve.IsFull)
                await compactor.MakeRoom(_closing.Token).ConfigureAwait(false);
        }
        catch (FencedException)
        {
            reserve.Forget();
        }
        catch (Exception error) when (error is
            StoreUnavailableException or OutcomeUnknownException or StoreBrokenException or OperationCanceledException or ObjectDisposedException)
        {
            // Whoever writes next learns of it; until then it is tried again.
        }
    }

    private async Task TryFill()
    {
        try
        {
            if (compactor.Holds)
                await reserve.Fill(_closing.Token).ConfigureAwait(false);
        }
        catch (Exception error) when (error is OperationCanceledException or ObjectDisposedException)
        {
            // It is over.
        }
    }
}
