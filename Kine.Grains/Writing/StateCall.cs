namespace Kine.Grains.Writing;

/// <summary>Work of the writer's own on its state, between two requests: done at once, not appended.</summary>
internal sealed class StateCall<T>(Func<WriteState, T> call) : WriterItem
{
    private readonly TaskCompletionSource<T> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<T> Done => _done.Task;

    public override void Run(WriteLoop loop)
    {
        try
        {
            _done.SetResult(call(loop.State));
        }
        catch (Exception error)
        {
            _done.SetException(error);
        }
    }

    public override void Fail(EtcdException error) => _done.TrySetException(error.Copy());
}
