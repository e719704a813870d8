namespace Kine.Host.Bench;

/// <summary>Shows nothing while a run goes on.</summary>
internal sealed class NoProgress : IBenchProgress
{
    public void RoundStarted(
        string target, string name, TimeSpan duration, long total, Func<long> operations, Func<LatencyHistogram> latencies)
    {
    }

    public Task RoundEnded() => Task.CompletedTask;

    public void RoundDone(string target, int number, RoundResult result)
    {
    }
}
