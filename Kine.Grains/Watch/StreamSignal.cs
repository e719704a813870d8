using System.Threading.Tasks.Sources;

namespace Kine.Grains.Watch;

/// <summary>
/// Wakes the one reader of a stream, without a new object each time. The reader goes on on the thread pool, never on the thread that wakes it.
/// </summary>
internal sealed class StreamSignal(Func<bool> result) : IValueTaskSource<bool>
{
    private ManualResetValueTaskSourceCore<bool> _core = new() { RunContinuationsAsynchronously = true };

    /// <summary>Names the wait that <see cref="Arm"/> began.</summary>
    public short Version => _core.Version;

    /// <summary>Begins a wait; what it gives is asked for when it ends.</summary>
    public StreamSignal Arm()
    {
        _core.Reset();
        return this;
    }

    /// <summary>Ends the wait; once for each wait.</summary>
    public void Set() => _core.SetResult(true);

    public bool GetResult(short token)
    {
        _core.GetResult(token);
        return result();
    }

    public ValueTaskSourceStatus GetStatus(short token) => _core.GetStatus(token);

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);
}
