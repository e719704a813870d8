using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Connections;

namespace Kine.Host.Grpc;

/// <summary>What a client sends, as long as its <see cref="FrameBudget"/> lasts; then reads fail, and the connection ends.</summary>
/// <param name="inner">The connection's.</param>
/// <param name="budget">Told of each byte.</param>
/// <param name="output">Says why, once the budget is spent.</param>
/// <param name="end">Called once when the budget is spent; what it gives is disposed of with this.</param>
/// <param name="time">The clock of waits.</param>
internal sealed class CalmReader(PipeReader inner, FrameBudget budget, CalmWriter output, Func<IDisposable> end, TimeProvider time) : PipeReader, IDisposable
{
    private static readonly TimeSpan LeastWait = TimeSpan.FromMilliseconds(5);

    private ReadOnlySequence<byte> _read;
    private IDisposable? _ended;

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        if (budget.IsSpent)
            return ValueTask.FromException<ReadResult>(End());

        if (budget.Wait >= LeastWait)
            return WaitAndRead(cancellationToken);

        var read = inner.ReadAsync(cancellationToken);
        return read.IsCompletedSuccessfully ? new ValueTask<ReadResult>(Keep(read.Result)) : Finish(read);
    }

    public override bool TryRead(out ReadResult result)
    {
        if (budget.IsSpent)
            throw End();

        if (!inner.TryRead(out result))
            return false;

        Keep(result);
        return true;
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        budget.Take(_read.Slice(0, consumed), output.Sent);
        _read = default;
        inner.AdvanceTo(consumed, examined);
    }

    public override void CancelPendingRead() => inner.CancelPendingRead();

    public override void Complete(Exception? exception = null)
    {
        // The transport takes that for the client's end, and would say nothing more to it.
        if (!budget.IsSpent)
            inner.Complete(exception);
    }

    public void Dispose() => _ended?.Dispose();

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<ReadResult> Finish(ValueTask<ReadResult> pending) => Keep(await pending);

    private async ValueTask<ReadResult> WaitAndRead(CancellationToken cancellationToken)
    {
        await Task.Delay(budget.Wait, time, cancellationToken);
        budget.Wait = TimeSpan.Zero;
        return Keep(await inner.ReadAsync(cancellationToken));
    }

    private ReadResult Keep(ReadResult read)
    {
        _read = read.Buffer;
        return read;
    }

    private ConnectionAbortedException End()
    {
        output.SayCalm();
        _ended ??= end();
        return new ConnectionAbortedException("The connection only costs.");
    }
}
