using System.Collections.Concurrent;
using Orleans.Runtime;

namespace Kine.Grains.Embedded;

/// <summary>
/// Runs the work of one call target, one item at a time, on the thread pool. What is awaited within an item comes back here,
/// since <see cref="TaskScheduler.Current"/> is this scheduler while an item runs.
/// </summary>
internal sealed class TurnScheduler(CallTarget owner) : TaskScheduler, IThreadPoolWorkItem
{
    private const int ItemsPerTurn = 64; // then other grains get the pool's thread

    [ThreadStatic]
    private static TurnScheduler? _running;

    private static readonly Action<object?> RunItemsAction = static state => ((TurnScheduler)state!).RunItems();

    private readonly ConcurrentQueue<object> _items = new();
    private int _scheduled; // 1 from the moment the pool is asked until a turn has found the queue empty

    public override int MaximumConcurrencyLevel => 1;

    public void Enqueue(IWorkItem item)
    {
        _items.Enqueue(item);
        Schedule();
    }

    void IThreadPoolWorkItem.Execute()
    {
        _running = this;
        RuntimeContext.Current = owner.Context;
        try
        {
            // Only a task makes its scheduler the current one. It ends before this method does, so its exception, which
            // can only be a defect of the runtime, surfaces here.
            var turn = new Task(RunItemsAction, this, TaskCreationOptions.DenyChildAttach);
            turn.RunSynchronously(this);
            turn.GetAwaiter().GetResult();
        }
        finally
        {
            _running = null;
            RuntimeContext.Current = null;
        }

        Volatile.Write(ref _scheduled, 0);
        Interlocked.MemoryBarrier(); // the emptiness is read after the flag is down, or an item between them would be left lying
        if (!_items.IsEmpty)
        {
            Schedule();
        }
    }

    protected override void QueueTask(Task task)
    {
        _items.Enqueue(task);
        Schedule();
    }

    protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) =>
        !taskWasPreviouslyQueued && ReferenceEquals(_running, this) && TryExecuteTask(task);

    protected override IEnumerable<Task> GetScheduledTasks() => _items.OfType<Task>().ToArray();

    private void Schedule()
    {
        if (Volatile.Read(ref _scheduled) == 0 && Interlocked.Exchange(ref _scheduled, 1) == 0)
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
    }

    private void RunItems()
    {
        for (var i = 0; i < ItemsPerTurn && _items.TryDequeue(out var item); i++)
        {
            if (item is IWorkItem work)
            {
                work.Execute(owner);
            }
            else
            {
                TryExecuteTask((Task)item);
            }
        }
    }
}
