using Kine.Grains.Fencing;

namespace Kine.Tests.Followers;

/// <summary>Many ask at once; nobody gets an answer that was asked for before they came.</summary>
public sealed class SharedQuestionTests
{
    private readonly List<TaskCompletionSource<int>> _asked = [];

    private SharedQuestion<int> Slow => field ??= new SharedQuestion<int>(() =>
    {
        _asked.Add(new TaskCompletionSource<int>());
        return _asked[^1].Task;
    });

    [Fact]
    public async Task Those_who_come_while_it_is_asked_share_the_next_one()
    {
        var first = Slow.Ask();
        var second = Slow.Ask();
        var third = Slow.Ask();
        Assert.Single(_asked);
        _asked[0].SetResult(10);
        Assert.Equal(10, await first);
        Assert.Equal(2, _asked.Count);
        var fourth = Slow.Ask();
        Assert.False(second.IsCompleted || fourth.IsCompleted);
        _asked[1].SetResult(20);
        Assert.Equal((20, 20), (await second, await third));
        Assert.Equal(3, _asked.Count);
        _asked[2].SetResult(30);
        Assert.Equal(30, await fourth);
    }

    [Fact]
    public async Task An_error_reaches_those_who_asked_and_nobody_else()
    {
        var first = Slow.Ask();
        var second = Slow.Ask();
        _asked[0].SetException(new InvalidOperationException("first"));
        await Assert.ThrowsAsync<InvalidOperationException>(() => first);
        _asked[1].SetResult(2);
        Assert.Equal(2, await second);
    }

    [Fact]
    public async Task An_answer_that_is_there_at_once_is_not_given_again()
    {
        var asked = 0;
        var question = new SharedQuestion<int>(() => Task.FromResult(++asked));
        for (var i = 1; i <= 5; i++)
            Assert.Equal(i, await question.Ask());
    }
}
