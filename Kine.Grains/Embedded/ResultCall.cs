namespace Kine.Grains.Embedded;

/// <summary>A call whose method returns a value.</summary>
internal sealed class ResultCall<TGrain, TArg, TResult>(Func<TGrain, TArg, Task<TResult>> method, TArg arg, CallOptions options)
    : Call<TResult>(options)
    where TGrain : class
{
    protected override Task Begin(object instance) => method((TGrain)instance, arg);

    protected override void Settle(Task outcome) => SetFromTask((Task<TResult>)outcome);
}
