namespace Kine.Backends.Identity;

/// <summary>Asks for the password of one log-in, for no longer than the log-in itself may take.</summary>
internal static class PasswordRequest
{
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(30); // where connecting has no limit of its own
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(1); // for a reason, once the time is up

    /// <summary>
    /// The password. Throws <see cref="StoreUnavailableException"/> when there is none in time, whatever the one asked does about its token, and whether or
    /// not it blocks its thread.
    /// </summary>
    /// <param name="provider">Who is asked.</param>
    /// <param name="limit">How long connecting may take; zero or less = any time.</param>
    /// <param name="place">The server, for the message.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public static async Task<string> Ask(
        Func<CancellationToken, ValueTask<string>> provider, TimeSpan limit, string place, CancellationToken cancellationToken)
    {
        if (limit <= TimeSpan.Zero || limit > LongestWait)
            limit = LongestWait;

        using var giveUp = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var given = giveUp.Token;
        var asked = Task.Run(() => provider(given).AsTask(), CancellationToken.None);
        try
        {
            return await asked.WaitAsync(limit, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception late) when (late is TimeoutException or OperationCanceledException && !asked.IsCompleted)
        {
            _ = asked.ContinueWith(
                static gone => gone.Exception, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            await giveUp.CancelAsync().ConfigureAwait(false);
            if (cancellationToken.IsCancellationRequested)
                throw;

            // It may know why it has none; a password would come too late.
            await Task.WhenAny(asked, Task.Delay(Farewell, cancellationToken)).ConfigureAwait(false);
            cancellationToken.ThrowIfCancellationRequested();
            if (asked.Exception?.InnerException is StoreUnavailableException reason)
                throw new StoreUnavailableException(reason.Message, reason);

            throw new StoreUnavailableException($"the identity provider gave no password for {place} within {limit.TotalSeconds:0.#} s");
        }
    }
}
