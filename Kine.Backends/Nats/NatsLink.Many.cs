namespace Kine.Backends.Nats;

// Many requests at once: their cost is that of the calls, locks and wake-ups around each, so that they share one write, one wait and one time limit.
internal sealed partial class NatsLink
{
    /// <summary>
    /// Sends requests of which each has one answer, and visits those with their places; what a visit throws is thrown here. Throws
    /// <see cref="NatsLinkException"/>; closes the connection when none of those that are missing arrives within the timeout.
    /// </summary>
    public async Task RequestAll(IReadOnlyList<OutgoingMessage> messages, Answered visit, TimeSpan timeout)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var missing = messages.Count;
        if (missing == 0)
        {
            return;
        }

        var tokens = new long[messages.Count];
        try
        {
            for (var i = 0; i < tokens.Length; i++)
            {
                var place = i;
                tokens[i] = Expect(answer =>
                {
                    try
                    {
                        if (answer.IsLost)
                        {
                            throw Lost();
                        }

                        visit(place, answer);
                        if (Interlocked.Decrement(ref missing) == 0)
                        {
                            done.TrySetResult();
                        }
                    }
                    catch (Exception error)
                    {
                        done.TrySetException(error);
                    }
                });
                Send(messages[i], tokens[i]);
            }
            await AllAnswered(done.Task, () => Volatile.Read(ref missing), timeout).ConfigureAwait(false);
        }
        finally
        {
            foreach (var token in tokens)
            {
                Forget(token);
            }
        }
    }

    private async Task AllAnswered(Task done, Func<int> missing, TimeSpan timeout)
    {
        while (true)
        {
            var before = missing();
            try
            {
                await done.WaitAsync(timeout).ConfigureAwait(false);
                return;
            }
            catch (TimeoutException error)
            {
                if (missing() < before)
                {
                    continue;
                }

                Break($"no answer within {timeout.TotalSeconds:0.#} s");
                throw new NatsLinkException($"NATS left {before} requests without an answer for {timeout.TotalSeconds:0.#} s", sent: true, error);
            }
        }
    }

    /// <summary>Called for each answer to one of several requests, on the library's thread.</summary>
    public delegate void Answered(int place, ArrivedMessage answer);
}
