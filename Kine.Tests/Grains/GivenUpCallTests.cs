using System.Runtime.CompilerServices;
using Kine.Grains.Cluster;

namespace Kine.Tests.Grains;

/// <summary>Calls to grains whose caller went before the answer.</summary>
public sealed class GivenUpCallTests
{
    [Fact]
    public async Task The_failure_of_a_call_that_was_given_up_is_no_unobserved_exception()
    {
        var failure = new InvalidOperationException(Guid.NewGuid().ToString());
        Assert.False(await IsUnobserved(failure, GiveUp));
    }

    [Fact]
    public async Task Neither_is_that_of_a_call_that_failed_while_its_caller_was_told()
    {
        var failure = new InvalidOperationException(Guid.NewGuid().ToString());
        Assert.False(await IsUnobserved(failure, FailWhileCallerLeaves));
    }

    private static async Task<bool> IsUnobserved(Exception failure, Func<Exception, Task> act)
    {
        var unobserved = false;
        void Note(object? sender, UnobservedTaskExceptionEventArgs found) => unobserved |= found.Exception.InnerExceptions.Contains(failure);
        TaskScheduler.UnobservedTaskException += Note;
        try
        {
            await act(failure);
            for (var i = 0; i < 3; i++)
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
            }

            return unobserved;
        }
        finally
        {
            TaskScheduler.UnobservedTaskException -= Note;
        }
    }

    // The caller's turn comes only after the call has failed, as in a grain that is busy. Not asynchronous, since whoever goes on here would keep the call alive.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Task FailWhileCallerLeaves(Exception failure)
    {
        var call = new TaskCompletionSource<int>();
        using var gone = new CancellationTokenSource();
        Task<int>? waiting = null;
        var turn = new Task(() =>
        {
            waiting = RemoteCall.Answer(call.Task, gone.Token);
            var leaving = new Thread(gone.Cancel); // not on this one, where the caller would go on at once
            leaving.Start();
            leaving.Join();
            call.SetException(failure);
        });
        turn.Start(new ConcurrentExclusiveSchedulerPair().ExclusiveScheduler);
        turn.Wait();
        Assert.IsType<TaskCanceledException>(Assert.Throws<AggregateException>(() => waiting!.Wait()).InnerException);
        return Task.CompletedTask;
    }

    // On a frame of its own, so that nothing keeps the task alive afterwards.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static async Task GiveUp(Exception failure)
    {
        var call = new TaskCompletionSource<int>();
        using var gone = new CancellationTokenSource();
        var waiting = RemoteCall.Answer(call.Task, gone.Token);
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        call.SetException(failure);
    }
}
