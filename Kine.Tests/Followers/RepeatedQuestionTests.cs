using Kine.Grains;
using Kine.Grains.Cluster;
using Microsoft.Extensions.Time.Testing;

namespace Kine.Tests.Followers;

/// <summary>A question to the writer whose answers may get lost.</summary>
public sealed class RepeatedQuestionTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(7);
    private readonly FakeTimeProvider _time = new();
    private int _asked;

    [Fact]
    public async Task An_answer_that_is_lost_is_asked_for_again()
    {
        var answer = RemoteCall.Repeated(() => Interlocked.Increment(ref _asked) < 3 ? Lost() : Task.FromResult(5), Limit, _time);
        for (var asked = 1; asked < 3; asked++)
        {
            while (Volatile.Read(ref _asked) < asked)
                await Task.Yield();

            _time.Advance(Limit / 3);
        }

        Assert.Equal(5, await answer.WaitAsync(Wait.Limit));
        Assert.Equal(3, _asked);
    }

    [Fact]
    public async Task Where_none_comes_the_request_has_timed_out()
    {
        var start = _time.GetUtcNow();
        var answer = RemoteCall.Repeated(Lost, Limit, _time);
        while (!answer.IsCompleted)
        {
            _time.Advance(TimeSpan.FromMilliseconds(100));
            await Task.Yield();
        }

        Assert.Equal(EtcdErrors.TimedOut.Message, (await Assert.ThrowsAsync<EtcdException>(() => answer)).Message);
        Assert.True(_time.GetUtcNow() - start >= Limit);
    }

    [Fact]
    public async Task An_error_is_an_answer()
    {
        await Assert.ThrowsAsync<EtcdException>(() => RemoteCall.Repeated<int>(
            () =>
            {
                _asked++;
                throw EtcdErrors.NoLeader;
            },
            Limit,
            _time));
        Assert.Equal(1, _asked);
    }

    private static Task<int> Lost() => new TaskCompletionSource<int>().Task;
}
