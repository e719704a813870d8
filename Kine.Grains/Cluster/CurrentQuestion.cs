using Kine.Grains.Reads;

namespace Kine.Grains.Cluster;

/// <summary>
/// Asks the writer what is published, in one question for all that wait. Those who come while one is under way share the next one, never that, whose answer may be older
/// than their arrival. Where many were answered at once the next question waits a moment for them, since clients come back with their next request:
/// <code>
/// 54 wait   one question, 54 answers, which go out while 10 others have come
/// 10 wait   not asked yet: most of the 54 are on their way
/// 48 wait   one question
/// </code>
/// Any thread.
/// </summary>
internal sealed class CurrentQuestion
{
    private const int Few = 4;
    private static readonly TimeSpan LongestWait = TimeSpan.FromMilliseconds(2);

    private readonly Lock _lock = new(); // protects all fields
    private readonly Func<Task<PublishedState>> _ask;
    private readonly ITimer _timer;
    private TaskCompletionSource<CurrentAnswer>? _next;
    private int _waiting; // for the next question
    private int _expected = 1; // that the next question waits for: three of four that were there
    private bool _asking;

    /// <param name="ask">One question.</param>
    /// <param name="time">Ends the wait for others.</param>
    public CurrentQuestion(Func<Task<PublishedState>> ask, TimeProvider time)
    {
        _ask = ask;
        _timer = time.CreateTimer(_ => WaitNoLonger(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>What was published at some moment after this call.</summary>
    public Task<CurrentAnswer> Ask()
    {
        lock (_lock)
        {
            _next ??= new TaskCompletionSource<CurrentAnswer>(TaskCreationOptions.RunContinuationsAsynchronously);
            var answer = _next.Task;
            _waiting++;
            if (Begin(out var count) is { } asked)
                _ = Run(asked, count);

            return answer;
        }
    }

    // Null while one is under way, or others are waited for.
    private TaskCompletionSource<CurrentAnswer>? Begin(out int count)
    {
        count = _waiting;
        if (_asking || _next is null || _waiting < _expected)
            return null;

        var asked = _next;
        (_next, _waiting, _asking) = (null, 0, true);
        return asked;
    }

    private async Task Run(TaskCompletionSource<CurrentAnswer>? asked, int count)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        while (asked is not null)
        {
            var answer = await Answer();
            TaskCompletionSource<CurrentAnswer>? next;
            lock (_lock)
            {
                _asking = false;
                _expected = count < Few ? 1 : (count + _waiting) * 3 / 4;
                next = Begin(out count);
                if (next is null && _expected > 1)
                    _timer.Change(LongestWait, Timeout.InfiniteTimeSpan);
            }

            asked.SetResult(answer);
            asked = next;
        }
    }

    private async Task<CurrentAnswer> Answer()
    {
        try
        {
            return new CurrentAnswer(await _ask(), null);
        }
        catch (Exception error)
        {
            return new CurrentAnswer(null, error as EtcdException ?? EtcdErrors.TimedOut);
        }
    }

    private void WaitNoLonger()
    {
        lock (_lock)
        {
            _expected = 1;
            if (Begin(out var count) is { } asked)
                _ = Run(asked, count);
        }
    }
}

/// <summary>What the writer said, or why it said nothing.</summary>
internal readonly record struct CurrentAnswer(PublishedState? State, EtcdException? Error);
