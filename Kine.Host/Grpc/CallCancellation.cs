using Kine.Grains;

namespace Kine.Host.Grpc;

/// <summary>Why a call was cut short.</summary>
internal enum CancelReason
{
    None,
    ClientGone,
    Deadline,
    ServerStopping,
}

/// <summary>
/// The one token of a call: fires when the client goes or cancels, when the deadline passes, and, for streaming calls, when the server stops.
/// Remembers which was first. The source itself needs no disposal; its timer and registrations are let go by <see cref="Release"/>.
/// </summary>
internal sealed class CallCancellation : CancellationTokenSource
{
    private int _reason;
    private ITimer? _timer;
    private CancellationTokenRegistration _aborted;
    private CancellationTokenRegistration _stopping;

    public CancelReason Reason => (CancelReason)Volatile.Read(ref _reason);

    /// <summary>The error that a cancelled call ends with.</summary>
    public EtcdException Error => Reason switch
    {
        CancelReason.Deadline => GrpcErrors.DeadlineExceeded,
        CancelReason.ServerStopping => EtcdErrors.ServerStopped,
        _ => GrpcErrors.Cancelled,
    };

    public void WatchClient(CancellationToken requestAborted) =>
        _aborted = requestAborted.UnsafeRegister(static c => ((CallCancellation)c!).Fire(CancelReason.ClientGone), this);

    public void WatchServer(CancellationToken stopping) =>
        _stopping = stopping.UnsafeRegister(static c => ((CallCancellation)c!).Fire(CancelReason.ServerStopping), this);

    public void WatchDeadline(TimeSpan timeLeft, TimeProvider time)
    {
        if (timeLeft <= TimeSpan.Zero)
        {
            Fire(CancelReason.Deadline);
        }
        else if (timeLeft.TotalMilliseconds < uint.MaxValue - 1) // longer ones are beyond a timer, and beyond any call
        {
            _timer = time.CreateTimer(static c => ((CallCancellation)c!).Fire(CancelReason.Deadline), this, timeLeft, Timeout.InfiniteTimeSpan);
        }
    }

    public void Release()
    {
        _timer?.Dispose();
        _aborted.Dispose();
        _stopping.Dispose();
    }

    private void Fire(CancelReason reason)
    {
        if (Interlocked.CompareExchange(ref _reason, (int)reason, (int)CancelReason.None) == (int)CancelReason.None)
        {
            Cancel();
        }
    }
}
