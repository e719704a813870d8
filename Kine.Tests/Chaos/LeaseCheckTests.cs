namespace Kine.Tests.Chaos;

/// <summary>A lease of 10 that was granted at 0 and kept alive at 5, with one key that went at revision 3.</summary>
public sealed class LeaseCheckTests
{
    private static readonly LogEntry[] Log = [new(2, [new Write("k", "1", 7)]), new(3, [new Write("k", null)])];
    private static readonly Dictionary<long, long> Ends = new() { [7] = 3 };

    [Fact]
    public void A_lease_that_ran_out_is_accepted() => Found(Lease(), 16);

    [Fact]
    public void A_lease_may_not_end_before_its_last_sign_of_life_ran_out() => Found(Lease(), 14, Fault.LeaseEarly);

    [Fact]
    public void A_revoked_lease_may_end_at_once()
    {
        var lease = Lease();
        (lease.RevokeSent, lease.RevokedAt) = (8, 3);
        Found(lease, 9);
        Found(lease, 7, Fault.LeaseEarly);
    }

    [Fact]
    public void A_lease_that_is_said_to_be_gone_has_to_be_over()
    {
        var lease = Lease();
        lease.GoneAt = 12;
        Found(lease, 16, Fault.LeaseEarly);
    }

    [Fact]
    public void The_keys_are_gone_with_the_answer_to_the_revocation()
    {
        var lease = Lease();
        (lease.RevokeSent, lease.RevokedAt) = (8, 2);
        Found(lease, 9, Fault.LeaseKept);
    }

    [Fact]
    public void No_key_stays() => Assert.Equal(
        [Fault.LeaseKept], LeaseCheck.Of([Lease()], Log[..1], new Dictionary<long, long>(), new Dictionary<long, long>()).Select(violation => violation.Fault));

    [Fact]
    public void A_revision_is_seen_by_the_first_answer_or_watch_that_is_at_it_or_later()
    {
        var watch = new WatchLog("watch", "a", "z", 2);
        watch.Add(2, Log[0].Changes[0], 40);
        watch.Add(3, Log[1].Changes[0], 50);
        Step[] steps = [new Step { Revision = 3, Returned = 30 }, new Step { Revision = 1, Returned = 10 }, new Step { Revision = 2, Returned = 60 }];
        Assert.Equal(new() { [2] = 30, [3] = 30 }, LeaseCheck.Sightings(steps, [watch], Log));
    }

    private static LeaseLife Lease()
    {
        var lease = new LeaseLife(7);
        lease.Signs.AddRange([(0, 10), (5, 15)]);
        return lease;
    }

    private static void Found(LeaseLife lease, long seen, params Fault[] faults) =>
        Assert.Equal(faults, LeaseCheck.Of([lease], Log, Ends, new Dictionary<long, long> { [3] = seen }).Select(violation => violation.Fault));
}
