using Kine.Etcd;
using Kine.Grains;
using Kine.Grains.Cluster;
using Kine.Grains.Writing;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Kine.Tests.Lease;

/// <summary>The clocks of leases, without a silo: the time is the test's, and so is the writer.</summary>
public sealed class LeaseShareTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly Dictionary<long, LeaseRun> _newest = []; // what the writer knows
    private readonly List<LeaseRun> _expired = []; // what it was asked to expire
    private readonly List<long[]> _renewed = [];
    private readonly List<(long, long)> _noted = [];
    private readonly LeaseShare _share;
    private Func<Task> _beforeAnswer = static () => Task.CompletedTask;
    private long _runs;

    public LeaseShareTests() => _share = new LeaseShare(Renew, Expire, Checkpoint, _time, NullLogger.Instance);

    [Fact]
    public async Task A_lease_expires_when_its_TTL_has_passed_and_not_before()
    {
        Grant(1, 60);
        Grant(2, 30);
        Assert.Equal(TimeSpan.FromSeconds(30), _share.Wait);
        await Pass(29.9);
        Assert.Empty(_expired);
        Assert.Equal((0, 30), (_share.Left(2), _share.Left(1)));
        await Pass(0.1);
        Assert.Equal(2, Assert.Single(_expired).Id);
        Assert.Null(_share.Left(2));
        await Pass(30);
        Assert.Equal([2, 1], _expired.Select(run => run.Id));
        Assert.Null(_share.Wait);
    }

    [Fact]
    public async Task A_lease_that_is_kept_alive_expires_a_whole_TTL_after_the_last_time()
    {
        Grant(1, 60);
        for (var i = 0; i < 10; i++)
        {
            await Pass(59);
            Assert.Equal(60, (await _share.KeepAlive(1)).TTL);
        }

        await Pass(59.9);
        Assert.Empty(_expired);
        await Pass(0.1);
        Assert.Single(_expired);
        Assert.Equal(0, (await _share.KeepAlive(1)).TTL);
        Assert.Null(_share.Wait);
    }

    [Fact]
    public async Task A_lease_that_the_writer_began_anew_expires_by_its_newest_run()
    {
        Grant(1, 10);
        _newest[1] = Run(1, 20); // and the message of it was lost
        await Pass(10);
        Assert.Single(_expired);
        Assert.Equal(20, _share.Left(1));
        await Pass(20);
        Assert.Equal(2, _expired.Count);
        Assert.Empty(_newest);
    }

    [Fact]
    public async Task Messages_that_overtake_each_other_leave_the_newest_run()
    {
        var granted = Run(1, 10);
        var gone = Run(1, 0);
        var again = Run(1, 100);
        _newest[1] = again;
        _share.Apply([granted]);
        _share.Apply([again]);
        _share.Apply([gone]);
        _share.Apply([granted]);
        await Pass(99);
        Assert.Empty(_expired);
        _share.Apply([again]); // heard twice
        Assert.Equal(1, _share.Left(1));
        var later = new LeaseRun(1, 7, 2, 1); // of the next writer, which counts anew
        _share.Apply([later]);
        _share.Apply([Run(1, 100)]);
        Assert.Equal(7, _share.Left(1));
    }

    [Fact]
    public async Task A_lease_that_was_revoked_has_no_clock()
    {
        Grant(1, 10);
        _share.Apply([Run(1, 0)]);
        Assert.Null(_share.Left(1));
        Assert.Null(_share.Wait);
        await Pass(10);
        Assert.Empty(_expired);
    }

    [Fact]
    public async Task What_could_not_be_revoked_is_revoked_a_second_later()
    {
        Grant(1, 10);
        _beforeAnswer = static () => Task.FromException(EtcdErrors.TimedOut);
        await Pass(10);
        Assert.Single(_expired);
        Assert.Equal(0, _share.Left(1));
        Assert.Equal(TimeSpan.FromSeconds(1), _share.Wait);
        _beforeAnswer = static () => Task.CompletedTask;
        await Pass(1);
        Assert.Equal(2, _expired.Count);
        Assert.Empty(_newest);
        Assert.Null(_share.Wait);
    }

    [Fact]
    public async Task A_writer_that_knows_only_an_older_run_is_asked_again_a_second_later()
    {
        Grant(1, 10);
        var newest = new LeaseRun(1, 10, 2, 1);
        _share.Apply([newest]);
        await Pass(10); // one that another has followed, but does not know it yet
        Assert.Equal([newest], _expired);
        Assert.Equal((0, TimeSpan.FromSeconds(1)), (_share.Left(1), _share.Wait));
        _newest[1] = newest;
        await Pass(1);
        Assert.Empty(_newest);
        Assert.Null(_share.Wait);
    }

    [Fact]
    public async Task A_lease_that_was_kept_alive_while_its_revoke_failed_is_left_alone()
    {
        Grant(1, 10);
        var answer = new TaskCompletionSource();
        _beforeAnswer = () => answer.Task;
        _time.Advance(TimeSpan.FromSeconds(10));
        var expiring = _share.Expire();
        _beforeAnswer = static () => Task.CompletedTask;
        Assert.Equal(10, (await _share.KeepAlive(1)).TTL);
        answer.SetException(EtcdErrors.TimedOut);
        await expiring;
        await Pass(9);
        Assert.Single(_expired);
        Assert.Equal(1, _share.Left(1));
    }

    [Fact]
    public async Task Keep_alives_that_come_while_one_is_asked_share_the_next_question()
    {
        Grant(1, 10);
        Grant(2, 20);
        var answer = new TaskCompletionSource();
        _beforeAnswer = () => answer.Task;
        var first = _share.KeepAlive(1);
        Task<LeaseKeepAliveResponse>[] others = [.. Enumerable.Range(0, 500).Select(i => _share.KeepAlive(i % 3))];
        answer.SetResult();
        Assert.Equal((1, 10), ((await first).ID, (await first).TTL));
        for (var i = 0; i < others.Length; i++)
        {
            var reply = await others[i];
            Assert.Equal((i % 3, i % 3 * 10), (reply.ID, reply.TTL));
        }

        Assert.Equal([1, 500], _renewed.Select(asked => asked.Length));
    }

    [Fact]
    public async Task Keep_alives_that_share_a_question_that_fails_each_get_an_exception_of_their_own()
    {
        var answer = new TaskCompletionSource();
        _beforeAnswer = () => answer.Task;
        Task[] asking = [.. Enumerable.Range(0, 4).Select(i => _share.KeepAlive(i))];
        answer.SetException(EtcdErrors.LeaderChanged);
        var errors = new List<EtcdException>();
        foreach (var one in asking)
            errors.Add(await Assert.ThrowsAsync<EtcdException>(() => one));

        Assert.Equal(4, errors.Distinct(ReferenceEqualityComparer.Instance).Count());
        Assert.All(errors, error => Assert.Equal(EtcdErrors.LeaderChanged.Message, error.Message));
    }

    [Fact]
    public async Task Many_leases_expire_each_in_its_second()
    {
        const int leases = 50_000;
        for (var i = 0; i < leases; i++)
            Grant(i, 5 + (i * 7919 % 100));

        var count = 0;
        for (var second = 5; second < 105; second++)
        {
            await Pass(second == 5 ? 5 : 1);
            Assert.All(_expired[count..], run => Assert.Equal(second, run.Ttl));
            count = _expired.Count;
        }

        Assert.Equal(leases, count);
    }

    [Fact]
    public async Task What_is_left_of_long_leases_is_noted_each_five_minutes()
    {
        Grant(1, 3600);
        Grant(2, 300);
        Grant(3, 900);
        await Look(299);
        Assert.Empty(_noted);
        await _share.KeepAlive(3);
        await Look(1);
        Assert.Equal([(1, 3300)], _noted);
        await Look(290);
        Assert.Single(_noted);
        await Look(10);
        Assert.Equal([(1, 3300), (1, 3000), (3, 599)], _noted);
        await Look(300);
        Assert.Equal((1, 2700), _noted[^1]); // the other one has less than five minutes
        _noted.Clear();
        _beforeAnswer = static () => throw EtcdErrors.NoLeader;
        await Look(300);
        _beforeAnswer = static () => Task.CompletedTask;
        await Look(60);
        Assert.Equal([(1, 2340)], _noted);
    }

    [Fact]
    public async Task A_run_that_goes_on_from_what_was_noted_ends_sooner_and_the_next_one_is_whole()
    {
        _share.Apply([_newest[1] = Run(1, 3600) with { Checkpoint = 1000 }]);
        await Pass(999);
        Assert.Equal(1, _share.Left(1));
        Assert.Equal(3600, (await _share.KeepAlive(1)).TTL);
        await Pass(3599);
        Assert.Empty(_expired);
    }

    private Task Look(double seconds)
    {
        _time.Advance(TimeSpan.FromSeconds(seconds));
        return _share.Checkpoint();
    }

    private async Task Checkpoint(LeaseLeft[] left)
    {
        await _beforeAnswer();
        _noted.AddRange(left.Select(static lease => (lease.Run.Id, lease.Seconds)).Order());
    }

    private LeaseRun Run(long lease, long ttl) => new(lease, ttl, 1, ++_runs);

    private void Grant(long lease, long ttl) => _share.Apply([_newest[lease] = Run(lease, ttl)]);

    private Task Pass(double seconds)
    {
        _time.Advance(TimeSpan.FromSeconds(seconds));
        return _share.Expire();
    }

    private async Task<LeaseRenewals> Renew(long[] leases)
    {
        _renewed.Add(leases);
        await _beforeAnswer();
        return new LeaseRenewals(
            new ResponseHeader(), Array.ConvertAll(leases, lease => _newest.TryGetValue(lease, out var run) ? _newest[lease] = Run(lease, run.Ttl) : Run(lease, 0)));
    }

    private async Task<LeaseRun[]> Expire(LeaseRun[] due)
    {
        _expired.AddRange(due);
        await _beforeAnswer();
        return Array.ConvertAll(due, run => _newest.TryGetValue(run.Id, out var newest) && newest != run ? newest : Gone(run.Id));
    }

    private LeaseRun Gone(long lease)
    {
        _newest.Remove(lease);
        return new LeaseRun(lease, 0, 2, ++_runs);
    }
}
