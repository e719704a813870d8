namespace Kine.Grains.Embedded;

/// <summary>A call whose method returns nothing but its end.</summary>
internal sealed class PlainCall<TGrain, TArg>(Func<TGrain, TArg, Task> method, TArg arg, CallOptions options)
    : Call<bool>(options)
    where TGrain : class
{
    protected override Task Begin(object instance) => method((TGrain)instance, arg);

    protected override void Settle(Task outcome)
    {
        if (outcome.IsCompletedSuccessfully)
        {
            SetResult(true);
        }
        else if (outcome.Exception is { } exception)
        {
            SetException(exception.InnerExceptions);
        }
        else
        {
            SetCanceled(new TaskCanceledException(outcome).CancellationToken);
        }
    }
}
