using Microsoft.Extensions.Logging;

namespace Kine.Grains.Embedded;

/// <summary>
/// A call and the task its caller waits for, in one object. The caller's continuation never runs within a turn of the callee:
/// the runtime library inlines continuations only where no other task scheduler is current, and sends them to the pool otherwise.
/// </summary>
internal abstract class Call<TResult>(CallOptions options) : TaskCompletionSource<TResult>, ICall
{
    private CallTarget? _target;
    private Task? _outcome;

    public CallOptions Options => options;

    public bool EndsWithActivation => false;

    public bool CountsAsUse => true;

    public void Execute(CallTarget target) => target.Arrive(this);

    public bool Run(CallTarget target, object instance)
    {
        Task outcome;
        try
        {
            outcome = Begin(instance) ?? throw new InvalidOperationException("The grain's method returned no task.");
        }
        catch (Exception exception)
        {
            outcome = System.Threading.Tasks.Task.FromException<TResult>(exception);
        }

        _outcome = outcome;
        _target = target;
        if (outcome.IsCompleted)
        {
            Finish();
            return true;
        }

        outcome.ConfigureAwait(false).GetAwaiter().UnsafeOnCompleted(FinishLate);
        return false;
    }

    public void Reject(Exception reason)
    {
        if (IsOneWay)
        {
            TrySetCanceled(); // nobody has the task: an exception in it would surface as an unobserved one
        }
        else
        {
            TrySetException(reason);
        }
    }

    protected abstract Task Begin(object instance);

    /// <summary>Gives the callee's completed task on to the caller.</summary>
    protected abstract void Settle(Task outcome);

    private bool IsOneWay => (options & CallOptions.OneWay) != 0;

    private void FinishLate()
    {
        _target!.Ended(this);
        Finish();
    }

    private void Finish()
    {
        var outcome = _outcome!;
        if (!IsOneWay)
        {
            Settle(outcome);
        }
        else if (outcome.Exception is { } exception)
        {
            _target!.Logger.LogError(exception.InnerException, "A one-way call failed in {Target}", _target);
        }
    }
}
