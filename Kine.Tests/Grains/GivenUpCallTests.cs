using System.Runtime.CompilerServices;
using Kine.Grains.Keyspace;

namespace Kine.Tests.Grains;

/// <summary>Calls to grains whose caller went before the answer.</summary>
public sealed class GivenUpCallTests
{
    [Fact]
    public async Task The_failure_of_a_call_that_was_given_up_is_no_unobserved_exception()
    {
        var failure = new InvalidOperationException(Guid.NewGuid().ToString());
        var unobserved = false;
        void Note(object? sender, UnobservedTaskExceptionEventArgs found) => unobserved |= found.Exception.InnerExceptions.Contains(failure);
        TaskScheduler.UnobservedTaskException += Note;
        try
        {
            await GiveUp(failure);
            for (var i = 0; i < 3; i++)
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
            }

            Assert.False(unobserved);
        }
        finally
        {
            TaskScheduler.UnobservedTaskException -= Note;
        }
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
