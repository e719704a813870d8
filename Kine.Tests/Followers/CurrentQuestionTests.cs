using Kine.Grains;
using Kine.Grains.Cluster;
using Kine.Grains.Reads;
using Microsoft.Extensions.Time.Testing;

namespace Kine.Tests.Followers;

/// <summary>Many ask at once; nobody gets an answer that was asked for before they came.</summary>
public sealed class CurrentQuestionTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly CurrentQuestion _question;
    private volatile TaskCompletionSource<PublishedState> _asked = new();
    private int _count;

    public CurrentQuestionTests() => _question = new CurrentQuestion(Ask, _time);

    [Fact]
    public async Task Those_who_come_while_it_is_asked_share_the_next_one()
    {
        var first = _question.Ask();
        await Asked(1);
        var (second, third) = (_question.Ask(), _question.Ask());
        Answer(10);
        Assert.Equal(10, (await first).State!.Revision);
        await Asked(2);
        var fourth = _question.Ask();
        Assert.False(second.IsCompleted || fourth.IsCompleted);
        Answer(20);
        Assert.Equal((20, 20), ((await second).State!.Revision, (await third).State!.Revision));
        await Asked(3);
        Answer(30);
        Assert.Equal(30, (await fourth).State!.Revision);
    }

    [Fact]
    public async Task An_error_reaches_those_who_asked_and_nobody_else()
    {
        var first = _question.Ask();
        await Asked(1);
        var second = _question.Ask();
        _asked.SetException(EtcdErrors.NoLeader);
        Assert.True((await first).Error!.IsNoLeader);
        await Asked(2);
        Answer(2);
        Assert.Equal(2, (await second).State!.Revision);
    }

    [Fact]
    public async Task After_many_were_answered_the_next_question_waits_for_most_of_them_but_not_for_long()
    {
        var first = _question.Ask();
        await Asked(1);
        var many = Enumerable.Range(0, 8).Select(_ => _question.Ask()).ToArray();
        Answer(1);
        await Asked(2);
        Answer(2);
        await Task.WhenAll(many);
        var back = Enumerable.Range(0, 5).Select(_ => _question.Ask()).ToArray();
        await Task.Delay(50);
        Assert.Equal(2, Volatile.Read(ref _count));
        var last = _question.Ask(); // the sixth of eight
        await Asked(3);
        Answer(3);
        Assert.Equal(3, (await last).State!.Revision);
        Assert.All(back, static asked => Assert.True(asked.IsCompleted));
        var alone = _question.Ask();
        await Task.Delay(50);
        Assert.Equal(3, Volatile.Read(ref _count));
        _time.Advance(TimeSpan.FromMilliseconds(2));
        await Asked(4);
        Answer(4);
        Assert.Equal(4, (await alone).State!.Revision);
        await first;
    }

    private Task<PublishedState> Ask()
    {
        _asked = new TaskCompletionSource<PublishedState>(TaskCreationOptions.RunContinuationsAsynchronously);
        Interlocked.Increment(ref _count);
        return _asked.Task;
    }

    private void Answer(long revision) => _asked.SetResult(new PublishedState(revision, -1, 1));

    private async Task Asked(int count)
    {
        for (var deadline = DateTime.UtcNow + Wait.Limit; Volatile.Read(ref _count) < count; await Task.Delay(1))
            Assert.True(DateTime.UtcNow < deadline, $"asked {_count} times, not {count}");
    }
}
