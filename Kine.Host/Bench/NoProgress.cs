namespace Kine.Host.Bench;

/// <summary>Shows nothing while a run goes on.</summary>
internal sealed class NoProgress : IBenchProgress
{
    public void RoundStarted(string target, string name, TimeSpan duration, long total, RoundResult result)
    {
    }

    public Task RoundEnded() => Task.CompletedTask;

    public void RoundDone(string target, int number, RoundResult result)
    {
    }
}
