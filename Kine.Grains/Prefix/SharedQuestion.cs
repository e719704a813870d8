namespace Kine.Grains.Prefix;

/// <summary>
/// A question that many ask: those who come while it is under way share the next one, never the one under way, whose answer may be older than their
/// arrival. One caller at a time (a grain's turns).
/// </summary>
public sealed class SharedQuestion<T>(Func<Task<T>> ask)
{
    private bool _asking;
    private TaskCompletionSource<T>? _next;

    /// <summary>An answer that was asked for after this call.</summary>
    public Task<T> Ask()
    {
        if (_asking)
        {
            _next ??= new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
            return _next.Task;
        }

        _asking = true;
        return Run();
    }

    private async Task<T> Run()
    {
        try
        {
            return await ask();
        }
        finally
        {
            _asking = _next is not null;
            if (_next is { } next)
            {
                _next = null;
                _ = Answer(next);
            }
        }
    }

    private async Task Answer(TaskCompletionSource<T> waiting)
    {
        try
        {
            waiting.SetResult(await Run());
        }
        catch (Exception error)
        {
            waiting.SetException(error);
        }
    }
}
