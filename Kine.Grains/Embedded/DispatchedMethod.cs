using System.Collections.Concurrent;
using System.Reflection;
using Orleans.Concurrency;

namespace Kine.Grains.Embedded;

/// <summary>How one method of an interface is called by reflection.</summary>
internal abstract class DispatchedMethod(MethodInfo method)
{
    private static readonly ConcurrentDictionary<MethodInfo, DispatchedMethod> Known = new();

    protected CallOptions Options { get; } =
        (method.IsDefined(typeof(AlwaysInterleaveAttribute)) ? CallOptions.AlwaysInterleave : CallOptions.None)
        | (method.IsDefined(typeof(OneWayAttribute)) || method.ReturnType == typeof(void) ? CallOptions.OneWay : CallOptions.None);

    /// <exception cref="NotSupportedException">The method returns something else than Task, Task&lt;T&gt; or nothing.</exception>
    public static DispatchedMethod Of(MethodInfo method) => Known.GetOrAdd(method, static method =>
    {
        if (method.ReturnType == typeof(Task))
        {
            return new Plain(method);
        }

        if (method.ReturnType == typeof(void))
        {
            return new Void(method);
        }

        if (method.ReturnType.IsGenericType && method.ReturnType.GetGenericTypeDefinition() == typeof(Task<>))
        {
            var withResult = typeof(WithResult<>).MakeGenericType(method.ReturnType.GetGenericArguments());
            return (DispatchedMethod)Activator.CreateInstance(withResult, method)!;
        }

        throw new NotSupportedException($"{method.DeclaringType}.{method.Name} returns something else than Task, Task<T> or nothing.");
    });

    /// <summary>Sends the call; what the reference's method returns.</summary>
    public abstract Task? Call(CallRoute route, object?[] args);

    private object? InvokeOn(object instance, object?[] args) =>
        method.Invoke(instance, BindingFlags.DoNotWrapExceptions, null, args, null);

    private sealed class Plain(MethodInfo method) : DispatchedMethod(method)
    {
        public override Task Call(CallRoute route, object?[] args)
        {
            var call = new PlainCall<object, (Plain Method, object?[] Args)>(
                static (instance, sent) => (Task)sent.Method.InvokeOn(instance, sent.Args)!, (this, args), Options);
            route.Send(call);
            return (Options & CallOptions.OneWay) != 0 ? Task.CompletedTask : call.Task;
        }
    }

    private sealed class Void(MethodInfo method) : DispatchedMethod(method)
    {
        public override Task? Call(CallRoute route, object?[] args)
        {
            route.Send(new PlainCall<object, (Void Method, object?[] Args)>(
                static (instance, sent) =>
                {
                    sent.Method.InvokeOn(instance, sent.Args);
                    return Task.CompletedTask;
                },
                (this, args),
                Options));
            return null;
        }
    }

    private sealed class WithResult<TResult>(MethodInfo method) : DispatchedMethod(method)
    {
        public override Task Call(CallRoute route, object?[] args)
        {
            var call = new ResultCall<object, (WithResult<TResult> Method, object?[] Args), TResult>(
                static (instance, sent) => (Task<TResult>)sent.Method.InvokeOn(instance, sent.Args)!, (this, args), Options);
            route.Send(call);
            return call.Task;
        }
    }
}
