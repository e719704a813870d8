namespace Kine.Tests.Chaos;

/// <summary>The search for an order, on small histories and on drawn ones.</summary>
public sealed class RegisterCheckTests
{
    [Fact]
    public void Calls_at_the_same_time_may_be_put_in_any_order() => Accepts(
        Put("1", 0, 50), Put("2", 10, 60), Get("2", 20, 30), Get("1", 40, 70), Get("1", 80, 90));

    [Fact]
    public void A_value_that_was_overwritten_is_not_read_again() => Rejects(
        Put("1", 0, 50), Put("2", 10, 60), Get("2", 20, 30), Get("1", 40, 70), Get("2", 80, 90));

    [Fact]
    public void A_read_after_the_answer_to_a_write_has_to_see_it() => Rejects(Put("1", 0, 10), Get(null, 11, 20));

    [Fact]
    public void At_the_same_moment_nothing_is_certain() => Accepts(Put("1", 0, 10), Get(null, 10, 20));

    [Fact]
    public void A_write_must_not_be_lost() => Rejects(Put("1", 0, 10), Put("2", 11, 20), Get("1", 21, 30));

    [Fact]
    public void Only_one_of_two_swaps_of_the_same_value_can_succeed()
    {
        Accepts(Put("1", 0, 10), Cas("1", "2", 11, 20), Cas("1", "3", 11, 20) with { Succeeded = false }, Get("2", 21, 30));
        Rejects(Put("1", 0, 10), Cas("1", "2", 11, 20), Cas("1", "3", 11, 20), Get("2", 21, 30));
        Rejects(Put("1", 0, 10), Cas("1", "2", 11, 20) with { Succeeded = false });
    }

    [Fact]
    public void A_write_of_unknown_outcome_may_land_late_or_never()
    {
        Accepts(Put("1", 0, 10), Unknown("2", 11), Get("1", 12, 20), Get("2", 21, 30), Get("2", 31, 40));
        Accepts(Put("1", 0, 10), Unknown("2", 11), Get("1", 12, 20), Get("1", 21, 30));
        Rejects(Put("1", 0, 10), Unknown("2", 11), Get("2", 12, 20), Get("1", 21, 30));
        Rejects(Put("1", 0, 10), Get("2", 12, 20), Unknown("2", 21));
    }

    [Fact]
    public void A_write_that_is_known_to_have_happened_or_not_is_not_guessed()
    {
        var unknown = Unknown("2", 11);
        Step[] read = [Put("1", 0, 10), unknown, Get("2", 12, 20)];
        Assert.Empty(RegisterCheck.Of(read, _ => true, _ => true));
        Assert.Single(RegisterCheck.Of(read, _ => true, _ => false));
    }

    [Fact]
    public void A_deletion_leaves_nothing()
    {
        var delete = Put("1", 11, 20) with { Writes = [new Write("k", null), new Write("note", "n")], Guards = [new Guard("k", 2, "1")] };
        Step[] steps = [Put("1", 0, 10), delete, Get(null, 21, 30)];
        Assert.Empty(RegisterCheck.Of(steps, key => key == "k"));
        Assert.Single(RegisterCheck.Of([.. steps, Get("1", 31, 40)], key => key == "k"));
    }

    [Fact]
    public void Each_key_is_looked_at_by_itself()
    {
        Step[] steps = [Put("1", 0, 10), Get("1", 11, 20), new Step { Looks = [new Look("other", null, [new Pair("other", "1", 2)])], Invoked = 11, Returned = 20 }];
        Assert.Contains("other", Assert.Single(RegisterCheck.Of(steps, _ => true)).Text);
        Assert.Empty(RegisterCheck.Of(steps, key => key == "k"));
    }

    [Fact]
    public void What_a_real_register_answers_is_accepted_and_no_longer_when_one_answer_is_changed()
    {
        for (var seed = 1; seed <= 20; seed++)
        {
            var random = Draw.From(seed);
            var steps = Drawn(random, 120);
            Accepts(steps);

            // Reads of a value that its own client had overwritten before.
            var reads = Enumerable.Range(1, steps.Length - 1).Where(i => steps[i].Looks is [{ Pairs.Length: 1 }]).ToArray();
            var changed = reads[random.Next(reads.Length / 2, reads.Length)];
            var old = steps.First(step => step.Wrote && step.Client == steps[changed].Client).Writes[0].Value!;
            if (steps[changed].Looks[0].Pairs[0].Value == old)
                continue;

            steps[changed] = steps[changed] with { Looks = [new Look("k", null, [new Pair("k", old, 0)])] };
            Rejects(steps);
        }
    }

    // Four clients, each with one call at a time; a call takes effect at a moment between the two ends of its time.
    private static Step[] Drawn(Random random, int calls)
    {
        var free = new long[4];
        var plan = Enumerable.Range(0, calls).Select(i =>
        {
            var client = i % 4;
            var invoked = free[client] + random.Next(1, 10);
            var effect = invoked + random.Next(1, 20);
            free[client] = effect + random.Next(1, 20);
            return (Client: client, Invoked: invoked, Effect: effect, Returned: free[client], Writes: i < 8 || random.Next(2) == 0, Number: i);
        }).OrderBy(call => call.Effect);
        string? value = null;
        var steps = new List<Step>();
        foreach (var call in plan)
        {
            var step = call.Writes ? Put(value = $"{call.Number}", call.Invoked, call.Returned) : Get(value, call.Invoked, call.Returned);
            var lost = call.Writes && random.Next(10) == 0;
            steps.Add(step with { Client = call.Client, Outcome = lost ? Outcome.Unknown : Outcome.Done, Returned = lost ? long.MaxValue : call.Returned });
        }

        return [.. steps];
    }

    private static Step Put(string value, long invoked, long returned) => new() { Writes = [new Write("k", value)], Invoked = invoked, Returned = returned };

    private static Step Unknown(string value, long invoked) => Put(value, invoked, long.MaxValue) with { Outcome = Outcome.Unknown };

    private static Step Cas(string? expected, string value, long invoked, long returned) =>
        Put(value, invoked, returned) with { Guards = [new Guard("k", expected is null ? 0 : 1, expected)] };

    private static Step Get(string? value, long invoked, long returned) =>
        new() { Looks = [new Look("k", null, value is null ? [] : [new Pair("k", value, 0)])], Invoked = invoked, Returned = returned };

    private static void Accepts(params Step[] steps) => Assert.Empty(RegisterCheck.Of(steps, _ => true));

    private static void Rejects(params Step[] steps) => Assert.Equal(Fault.NoRegister, Assert.Single(RegisterCheck.Of(steps, _ => true)).Fault);
}
