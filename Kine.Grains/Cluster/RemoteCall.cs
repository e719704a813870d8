namespace Kine.Grains.Cluster;

/// <summary>Calls to grains, which may be in another process.</summary>
internal static class RemoteCall
{
    private static readonly TimeSpan AskAgain = TimeSpan.FromSeconds(2);

    /// <summary>The answer. A call that got none may have happened: that is Unavailable, "etcdserver: request timed out".</summary>
    public static async Task<T> Answer<T>(Task<T> call, CancellationToken cancellationToken)
    {
        await Answer((Task)call, cancellationToken);
        return await call;
    }

    /// <summary>The same for a call without a result.</summary>
    public static async Task Answer(Task call, CancellationToken cancellationToken)
    {
        try
        {
            await Wait(call, cancellationToken);
        }
        catch (Exception error) when (IsOfTheWay(error, cancellationToken))
        {
            throw EtcdErrors.TimedOut;
        }
        catch (EtcdException error)
        {
            throw error.Copy(); // a writer that is refused hands the same one to all who wait for it
        }
    }

    /// <summary>
    /// The answer to a question that changes nothing. What is under way when a connection breaks is lost without a word, so it is asked again after a while,
    /// until the time that a request waits is over.
    /// </summary>
    public static async Task<T> Repeated<T>(Func<Task<T>> ask, TimeSpan limit, TimeProvider time)
    {
        var start = time.GetTimestamp();
        while (true)
        {
            using var patience = new CancellationTokenSource(AskAgain, time);
            try
            {
                return await Answer(ask(), patience.Token);
            }
            catch (OperationCanceledException)
            {
                if (time.GetElapsedTime(start) >= limit)
                    throw EtcdErrors.TimedOut;
            }
        }
    }

    // What becomes of a call that was given up concerns nobody: its failure is no fault to log.
    private static async Task Wait(Task call, CancellationToken cancellationToken)
    {
        try
        {
            await call.WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            _ = call.ContinueWith(static gone => gone.Exception, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            throw;
        }
    }

    // An activation that is given up while it loads has its callers told that they were cancelled, though they were not.
    private static bool IsOfTheWay(Exception error, CancellationToken cancellationToken) =>
        error is TimeoutException or OrleansException || (error is OperationCanceledException && !cancellationToken.IsCancellationRequested);
}
