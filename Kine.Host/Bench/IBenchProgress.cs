namespace Kine.Host.Bench;

/// <summary>Shows a run while it goes on.</summary>
internal interface IBenchProgress
{
    /// <summary>A round begins.</summary>
    /// <param name="target">A or B.</param>
    /// <param name="name">The round.</param>
    /// <param name="duration">Its time, or infinite.</param>
    /// <param name="total">Its number of operations, or 0.</param>
    /// <param name="result">What it has measured so far.</param>
    void RoundStarted(string target, string name, TimeSpan duration, long total, RoundResult result);

    /// <summary>The round is over.</summary>
    Task RoundEnded();

    /// <summary>A measured round's result.</summary>
    void RoundDone(string target, int number, RoundResult result);
}
