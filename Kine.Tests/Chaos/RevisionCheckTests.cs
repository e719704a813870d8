namespace Kine.Tests.Chaos;

/// <summary>Small histories that are right, and one for each thing that can be wrong.</summary>
public sealed class RevisionCheckTests
{
    private static readonly Pair[] Nothing = [];

    [Fact]
    public void A_history_without_a_fault_is_accepted()
    {
        Step[] steps =
        [
            Put("a", "1", 2, 0, 10),
            Get("a", 2, 11, 20, new Pair("a", "1", 2)),
            Cas("a", 2, "2", 3, 21, 30),
            Cas("a", 2, "never", 3, 31, 40) with { Succeeded = false, Looks = [new Look("a", null, [new Pair("a", "2", 3)])] },
            Put("b", "3", 4, 35, 50) with { Looks = [new Look("b", null, Nothing)] },
            List(4, 51, 60, new Pair("a", "2", 3), new Pair("b", "3", 4)),
            List(4, 51, 60, new Pair("a", "1", 2)) with { At = 2 },
            Step([new Write("a", "4"), new Write("b", null), new Write("c", null)], 5, 61, 70),
            Put("a", "lost on its way", 0, 61, long.MaxValue) with { Outcome = Outcome.Unknown },
            Put("a", "landed", 0, 61, long.MaxValue) with { Outcome = Outcome.Unknown },
            Put("a", "refused", 0, 61, 70) with { Outcome = Outcome.Refused },
            Get("a", 3, 71, 80, new Pair("a", "2", 3)) with { Serializable = true, Process = 1 },
            Get("a", 2, 71, 80, new Pair("a", "1", 2)) with { Serializable = true, Process = 2 },
        ];
        Found(steps, Entry(2, new Write("a", "1")), Entry(3, new Write("a", "2")), Entry(4, new Write("b", "3")),
            Entry(5, new Write("a", "4"), new Write("b", null)), Entry(6, new Write("a", "landed")));
    }

    [Fact]
    public void A_write_that_is_not_in_the_log_is_lost() => Found([Put("a", "1", 2, 0, 10)], [], Fault.LostWrite, Fault.LostWrite);

    [Fact]
    public void An_acknowledged_write_in_whose_place_stands_another_is_lost() =>
        Found([Put("a", "1", 2, 0, 10), Put("a", "2", 2, 0, 10)], [Entry(2, new Write("a", "2"))], Fault.LostWrite);

    [Fact]
    public void An_answer_past_the_end_of_the_log_is_a_lost_write() => Found([Get("a", 9, 0, 10)], [], Fault.LostWrite);

    [Fact]
    public void A_write_that_is_there_twice_is_doubled() => Found(
        [Put("a", "1", 0, 0, long.MaxValue) with { Outcome = Outcome.Unknown }], [Entry(2, new Write("a", "1")), Entry(3, new Write("a", "1"))], Fault.DoubledWrite);

    [Fact]
    public void A_write_that_is_elsewhere_than_its_answer_says_is_doubled() =>
        Found([Put("a", "1", 3, 0, 10), Put("a", "2", 2, 0, 10)], [Entry(2, new Write("a", "1")), Entry(3, new Write("a", "2"))], Fault.DoubledWrite, Fault.DoubledWrite);

    [Fact]
    public void A_write_that_had_failed_must_not_be_there() => Found(
        [Put("a", "1", 0, 0, 10) with { Outcome = Outcome.Refused }, Get("a", 2, 11, 20, new Pair("a", "1", 2))], [Entry(2, new Write("a", "1"))], Fault.FailedWrite);

    [Fact]
    public void A_write_behind_a_guard_that_did_not_hold_must_not_be_there() =>
        Found([Cas("a", 7, "1", 1, 0, 10) with { Succeeded = false }], [Entry(2, new Write("a", "1"))], Fault.FailedWrite, Fault.WrongGuard);

    [Fact]
    public void What_nobody_wrote_must_not_be_there() => Found([], [Entry(2, new Write("a", "1"))], Fault.Invented);

    [Fact]
    public void What_nobody_deleted_must_be_there() => Found([Put("a", "1", 2, 0, 10)], [Entry(2, new Write("a", "1")), Entry(3, new Write("a", null))], Fault.Invented);

    [Fact]
    public void A_revision_may_not_be_left_out() => Found([Put("a", "1", 3, 0, 10)], [Entry(3, new Write("a", "1"))], Fault.LogGap);

    [Fact]
    public void A_transaction_may_not_be_spread_over_revisions() => Found(
        [Step([new Write("a", "1"), new Write("b", "1")], 2, 0, 10)], [Entry(2, new Write("a", "1")), Entry(3, new Write("b", "1"))],
        Fault.DoubledWrite, Fault.TornWrite, Fault.TornWrite);

    [Fact]
    public void A_transaction_may_not_happen_in_part() =>
        Found([Step([new Write("a", "1"), new Write("b", "1")], 2, 0, 10)], [Entry(2, new Write("a", "1"))], Fault.TornWrite);

    [Fact]
    public void Two_transactions_are_not_one_revision() => Found(
        [Put("a", "1", 2, 0, 10), Put("b", "2", 2, 0, 10)], [Entry(2, new Write("a", "1"), new Write("b", "2"))], Fault.TornWrite, Fault.TornWrite);

    [Fact]
    public void A_guard_has_to_hold_where_the_write_is() => Found(
        [Put("a", "1", 2, 0, 10), Put("a", "2", 3, 0, 10), Cas("a", 2, "3", 4, 0, 10)],
        [Entry(2, new Write("a", "1")), Entry(3, new Write("a", "2")), Entry(4, new Write("a", "3"))], Fault.WrongGuard);

    [Fact]
    public void A_guard_that_holds_may_not_be_answered_as_broken() =>
        Found([Put("a", "1", 2, 0, 10), Cas("a", 2, "3", 2, 11, 20) with { Succeeded = false }], [Entry(2, new Write("a", "1"))], Fault.WrongGuard);

    [Fact]
    public void A_read_shows_the_state_at_its_revision() => Found(
        [Put("a", "1", 2, 0, 10), Put("a", "2", 3, 11, 20), Get("a", 3, 21, 30, new Pair("a", "1", 2))],
        [Entry(2, new Write("a", "1")), Entry(3, new Write("a", "2"))], Fault.WrongRead);

    [Fact]
    public void A_list_shows_all_of_one_revision() => Found(
        [Put("a", "1", 2, 0, 10), Put("b", "2", 3, 11, 20), List(3, 21, 30, new Pair("b", "2", 3))],
        [Entry(2, new Write("a", "1")), Entry(3, new Write("b", "2"))], Fault.WrongRead);

    [Fact]
    public void A_write_shows_what_was_there_before_it() => Found(
        [Put("a", "1", 2, 0, 10), Put("a", "2", 3, 11, 20) with { Looks = [new Look("a", null, Nothing)] }],
        [Entry(2, new Write("a", "1")), Entry(3, new Write("a", "2"))], Fault.WrongRead);

    [Fact]
    public void A_read_that_was_sent_after_another_ones_answer_may_not_be_older() => Found(
        [Put("a", "1", 2, 0, 10), Put("a", "2", 3, 11, 20), Get("a", 2, 21, 30, new Pair("a", "1", 2))],
        [Entry(2, new Write("a", "1")), Entry(3, new Write("a", "2"))], Fault.StaleAnswer);

    [Fact]
    public void A_write_that_was_sent_after_anothers_answer_may_not_come_before_it() => Found(
        [Put("a", "1", 3, 0, 10), Put("a", "2", 2, 11, 20)], [Entry(2, new Write("a", "2")), Entry(3, new Write("a", "1"))], Fault.StaleAnswer);

    [Fact]
    public void A_write_of_unknown_outcome_may_not_come_before_what_was_seen_earlier_either() => Found(
        [Put("a", "1", 3, 0, 10), Put("a", "2", 0, 11, long.MaxValue) with { Outcome = Outcome.Unknown }],
        [Entry(2, new Write("a", "2")), Entry(3, new Write("a", "1"))], Fault.StaleAnswer);

    [Fact]
    public void A_read_may_not_show_what_is_sent_later() => Found(
        [Get("a", 2, 0, 10, new Pair("a", "1", 2)), Put("a", "1", 2, 11, 20)], [Entry(2, new Write("a", "1"))], Fault.StaleAnswer, Fault.EarlyAnswer);

    [Fact]
    public void Serializable_reads_of_one_process_do_not_go_back() => Found(
        [
            Put("a", "1", 2, 0, 10),
            Get("a", 2, 11, 20, new Pair("a", "1", 2)) with { Serializable = true, Process = 1 },
            Get("a", 1, 21, 30) with { Serializable = true, Process = 1 },
        ],
        [Entry(2, new Write("a", "1"))], Fault.SteppedBack);

    [Fact]
    public void A_lease_ends_with_all_its_keys_in_one_revision()
    {
        Step[] steps = [Step([new Write("a", "1", 7), new Write("b", "1", 7)], 2, 0, 10)];
        var written = Entry(2, steps[0].Writes);
        Found(steps, [written, Entry(3, new Write("a", null), new Write("b", null))]);
        Found(steps, [written, Entry(3, new Write("a", null)), Entry(4, new Write("b", null))], Fault.LeaseKept);
    }

    [Fact]
    public void A_lease_that_ended_takes_no_key() => Found(
        [Step([new Write("a", "1", 7)], 2, 0, 10), Step([new Write("b", "2", 7)], 4, 11, 20)],
        [Entry(2, new Write("a", "1", 7)), Entry(3, new Write("a", null)), Entry(4, new Write("b", "2", 7))], Fault.LeaseKept);

    private static Step Step(Write[] writes, long revision, long invoked, long returned) =>
        new() { Writes = writes, Revision = revision, Invoked = invoked, Returned = returned };

    private static Step Put(string key, string value, long revision, long invoked, long returned) => Step([new Write(key, value)], revision, invoked, returned);

    private static Step Cas(string key, long seen, string value, long revision, long invoked, long returned) =>
        Put(key, value, revision, invoked, returned) with { Guards = [new Guard(key, seen, null)] };

    private static Step Get(string key, long revision, long invoked, long returned, params Pair[] pairs) =>
        new() { Looks = [new Look(key, null, pairs)], Revision = revision, Invoked = invoked, Returned = returned };

    private static Step List(long revision, long invoked, long returned, params Pair[] pairs) =>
        new() { Looks = [new Look("a", "z", pairs)], Revision = revision, Invoked = invoked, Returned = returned };

    private static LogEntry Entry(long revision, params Write[] changes) => new(revision, changes);

    private static void Found(Step[] steps, params LogEntry[] log) => Found(steps, log, []);

    private static void Found(Step[] steps, LogEntry[] log, params Fault[] faults) =>
        Assert.Equal(faults.Order(), RevisionCheck.Of(steps, log).Found.Select(violation => violation.Fault).Order());
}
