using Kine.Grains;
using Kine.Grains.Fencing;

namespace Kine.Tests.Fencing;

public sealed class ReadProofTests
{
    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(10);
    private readonly ShiftedClock _clock = new();

    private ReadProof Renewed()
    {
        var proof = new ReadProof(_clock, always: false);
        proof.Renew(proof.Now, Lease);
        return proof;
    }

    [Fact]
    public void Nothing_is_proven_before_the_first_sign_of_life() => Assert.False(new ReadProof(_clock, always: false).IsValid);

    [Fact]
    public void A_lock_for_life_needs_no_sign_of_life() => Assert.True(new ReadProof(_clock, always: true).IsValid);

    [Theory]
    [InlineData(8, 8, true)]
    [InlineData(9.5, 0, false)] // the margin is a tenth
    [InlineData(0, 9.5, false)] // a suspend that only the wall clock shows
    [InlineData(0, -0.5, false)] // set back: nobody knows how long it really was
    public void The_larger_advance_of_both_clocks_counts_and_a_step_back_voids(double boot, double wall, bool holds)
    {
        var proof = Renewed();
        Assert.True(proof.IsValid);
        _clock.Boot = TimeSpan.FromMinutes(boot);
        _clock.Wall = TimeSpan.FromMinutes(wall);
        Assert.Equal(holds, proof.IsValid);
    }

    [Fact]
    public void The_age_counts_from_when_it_was_sent_and_not_from_when_it_arrived()
    {
        var proof = new ReadProof(_clock, always: false);
        var sent = proof.Now;
        _clock.Boot = TimeSpan.FromMinutes(9.5);
        proof.Renew(sent, Lease);
        Assert.False(proof.IsValid);
    }

    [Fact]
    public async Task A_waiting_read_goes_on_with_the_next_sign_of_life_or_is_answered_timed_out()
    {
        var proof = Renewed();
        proof.Drop();
        var waiting = proof.Wait(TimeSpan.FromMinutes(5), TimeProvider.System, default);
        Assert.False(waiting.IsCompleted);
        proof.Renew(proof.Now, Lease);
        await waiting.WaitAsync(Wait.Limit);
        proof.Drop();
        var error = await Assert.ThrowsAsync<EtcdException>(() => proof.Wait(TimeSpan.FromMilliseconds(20), TimeProvider.System, default));
        Assert.Equal(EtcdErrors.TimedOut.Message, error.Message);
    }
}
