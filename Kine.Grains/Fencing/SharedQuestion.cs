namespace Kine.Grains.Fencing;

/// <summary>
/// A question that many ask: those who come while it is under way share the next one, never the one under way, whose answer may be older than their
/// arrival. May be asked from any thread.
/// </summary>
public sealed class SharedQuestion<T>(Func<Task<T>> ask)
{
    private readonly Lock _lock = new(); // protects both fields
    private bool _asking;
    private TaskCompletionSource<T>? _next;

    /// <summary>An answer that was asked for after this call.</summary>
    public Task<T> Ask()
    {
        lock (_lock)
        {
            if (_asking)
            {
                _next ??= new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
                return SharedTask.Wait(_next.Task);
            }

            _asking = true;
        }

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
            AskNext();
        }
    }

    private void AskNext()
    {
        TaskCompletionSource<T>? next;
        lock (_lock)
        {
            next = _next;
            _next = null;
            _asking = next is not null;
        }

        if (next is not null)
            _ = Answer(next);
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
