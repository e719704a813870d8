namespace Kine.Grains.Embedded;

/// <summary>
/// Base of hand-written references, for interfaces whose calls are many. Registered in the table of grains.
/// </summary>
/// <example>
/// <code>
/// internal sealed class CounterReference(CallRoute route) : GrainReference&lt;ICounter&gt;(route), ICounter
/// {
///     public Task&lt;long&gt; Add(long by) => Invoke(static (grain, by) => grain.Add(by), by);
/// }
/// </code>
/// </example>
public abstract class GrainReference<TGrain>(CallRoute route) : IGrainReference
    where TGrain : class
{
    CallRoute IGrainReference.Route => route;

    /// <inheritdoc/>
    public sealed override bool Equals(object? obj) => obj is IGrainReference other && route.Equals(other.Route);

    /// <inheritdoc/>
    public sealed override int GetHashCode() => route.GetHashCode();

    /// <inheritdoc/>
    public sealed override string ToString() => route.GrainId.ToString();

    /// <summary>Calls the grain. The task fails with what the grain threw, or SiloUnavailableException when it cannot be reached.</summary>
    protected Task<TResult> Invoke<TArg, TResult>(
        Func<TGrain, TArg, Task<TResult>> method, TArg arg, CallOptions options = CallOptions.None)
    {
        var call = new ResultCall<TGrain, TArg, TResult>(method, arg, options);
        route.Send(call);
        return call.Task;
    }

    /// <inheritdoc cref="Invoke{TArg, TResult}"/>
    protected Task Invoke<TArg>(Func<TGrain, TArg, Task> method, TArg arg, CallOptions options = CallOptions.None)
    {
        var call = new PlainCall<TGrain, TArg>(method, arg, options);
        route.Send(call);
        return (options & CallOptions.OneWay) != 0 ? Task.CompletedTask : call.Task;
    }

    /// <summary>Calls a method that returns nothing, as observers may have: nobody waits, a failure is logged.</summary>
    protected void Post<TArg>(Action<TGrain, TArg> method, TArg arg) =>
        route.Send(new PlainCall<TGrain, (Action<TGrain, TArg> Method, TArg Arg)>(
            static (grain, sent) =>
            {
                sent.Method(grain, sent.Arg);
                return Task.CompletedTask;
            },
            (method, arg),
            CallOptions.OneWay));
}
