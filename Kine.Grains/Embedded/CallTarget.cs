using Microsoft.Extensions.Logging;
using Orleans.Runtime;

namespace Kine.Grains.Embedded;

/// <summary>
/// An object that gets calls in turns: an activation of a grain or an observer. Fields without a remark are touched only
/// within turns.
/// </summary>
/// <example>
/// Not reentrant, calls A and B arrive, A awaits: A runs, is blocking; B waits; A's continuation runs; A ends, sends
/// <see cref="Unblock"/>; B runs. Reentrant: B runs when A awaits, nothing ever blocks.
/// </example>
internal abstract class CallTarget
{
    private const int ResumedPerItem = 64; // waiting calls started in one go, so that a turn stays bounded

    private static readonly WorkSignal Unblock = new(static target => target.OnUnblock());
    private static readonly WorkSignal ResumeMore = new(static target => target.Resume());
    private static readonly WorkSignal Settled = new(static target => target.OnSettled());

    private readonly TurnScheduler _scheduler;
    private readonly bool _reentrant;
    private Queue<ICall>? _waiting;
    private bool _blocked;
    private int _outlasting; // calls that went on after the turn that started them
    private int _outlastingEnded; // written from any thread
    private volatile bool _watchSettling; // read from any thread

    protected CallTarget(bool reentrant, ILogger logger)
    {
        _reentrant = reentrant;
        Logger = logger;
        _scheduler = new TurnScheduler(this);
    }

    /// <summary>What <see cref="RuntimeContext.Current"/> is in turns of this target.</summary>
    public abstract IGrainContext? Context { get; }

    /// <summary>Whether calls should go elsewhere. Read from any thread; a call sent nevertheless is passed on.</summary>
    public abstract bool IsGone { get; }

    public ILogger Logger { get; }

    /// <summary>Whether a call is running. Exact within turns, a good guess elsewhere.</summary>
    protected bool IsBusy => _blocked || _outlasting != Volatile.Read(ref _outlastingEnded);

    /// <summary>Hands work over to a turn, from any thread.</summary>
    public void Send(IWorkItem item) => _scheduler.Enqueue(item);

    /// <summary>A call has come to its turn.</summary>
    public abstract void Arrive(ICall call);

    /// <summary>A call that outlasted its turn has ended. From any thread, once a call.</summary>
    public void Ended(ICall call)
    {
        Interlocked.Increment(ref _outlastingEnded);
        if (Blocks(call))
        {
            Send(Unblock);
        }

        if (_watchSettling)
        {
            Send(Settled);
        }
    }

    /// <summary>Starts the call, or keeps it until those before it are through.</summary>
    protected void StartOrWait(ICall call, object instance)
    {
        if (Blocks(call) && (_blocked || _waiting is { Count: > 0 }))
        {
            Wait(call);
        }
        else
        {
            Start(call, instance);
        }
    }

    protected void Wait(ICall call) => (_waiting ??= new Queue<ICall>()).Enqueue(call);

    protected bool TryTakeWaiting(out ICall call)
    {
        if (_waiting is not null)
        {
            return _waiting.TryDequeue(out call!);
        }

        call = null!;
        return false;
    }

    /// <summary>The instance, when waiting calls may start now; null when they have to go on waiting.</summary>
    protected abstract object? ReadyInstance { get; }

    protected void Resume()
    {
        for (var i = 0; _waiting is { Count: > 0 } waiting && ReadyInstance is { } instance; i++)
        {
            if (_blocked && Blocks(waiting.Peek()))
            {
                return;
            }

            if (i == ResumedPerItem)
            {
                Send(ResumeMore);
                return;
            }

            Start(waiting.Dequeue(), instance);
        }
    }

    /// <summary>Asks for <see cref="OnSettled"/> whenever a call ends from now on.</summary>
    protected void WatchSettling()
    {
        _watchSettling = true;
        Interlocked.MemoryBarrier(); // an end that did not see the flag is seen by the reader of IsBusy
    }

    protected virtual void OnSettled()
    {
    }

    protected virtual void Touch()
    {
    }

    private void OnUnblock()
    {
        _blocked = false;
        if (_watchSettling)
        {
            OnSettled();
        }

        Resume();
    }

    private void Start(ICall call, object instance)
    {
        if (call.CountsAsUse)
        {
            Touch();
        }

        var blocks = Blocks(call);
        if (blocks)
        {
            _blocked = true; // before the call, whose end may come from another thread while Run returns
        }

        if (!call.Run(this, instance))
        {
            _outlasting++;
        }
        else if (blocks)
        {
            _blocked = false;
        }
    }

    private bool Blocks(ICall call) => !_reentrant && (call.Options & CallOptions.AlwaysInterleave) == 0;
}
