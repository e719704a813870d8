using System.Diagnostics;
using Microsoft.Extensions.Logging;

namespace Kine.Backends.Sql;

/// <summary>Logs which statements took long.</summary>
/// <param name="logger">Where to.</param>
/// <param name="threshold">From here on as information; zero or less = never.</param>
/// <param name="warningThreshold">From here on as a warning; zero or less = never.</param>
internal sealed partial class SlowStatements(ILogger logger, TimeSpan threshold, TimeSpan warningThreshold)
{
    /// <summary>Logs the statement if it was slow.</summary>
    /// <param name="what">Name of the statement.</param>
    /// <param name="start">Timestamp of its beginning.</param>
    public void Note(string what, long start)
    {
        var elapsed = Stopwatch.GetElapsedTime(start);
        if (warningThreshold > TimeSpan.Zero && elapsed >= warningThreshold)
            VerySlow(what, elapsed.TotalMilliseconds);
        else if (threshold > TimeSpan.Zero && elapsed >= threshold)
            Slow(what, elapsed.TotalMilliseconds);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Slow SQL: {What} took {Elapsed:n0} ms")]
    private partial void Slow(string what, double elapsed);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Slow SQL: {What} took {Elapsed:n0} ms")]
    private partial void VerySlow(string what, double elapsed);
}
