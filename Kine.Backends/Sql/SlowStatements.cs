using System.Diagnostics;
using Kine.Backends.Endpoints;
using Microsoft.Extensions.Logging;

namespace Kine.Backends.Sql;

/// <summary>Logs which statements took long.</summary>
/// <param name="logger">Where to.</param>
/// <param name="settings">From how long on, as information and as a warning; zero or less = never.</param>
internal sealed partial class SlowStatements(ILogger logger, StoreSettings settings)
{
    /// <summary>Logs the statement if it was slow.</summary>
    /// <param name="what">Name of the statement.</param>
    /// <param name="start">Timestamp of its beginning.</param>
    public void Note(string what, long start)
    {
        var elapsed = Stopwatch.GetElapsedTime(start);
        if (settings.SlowSqlWarningThreshold > TimeSpan.Zero && elapsed >= settings.SlowSqlWarningThreshold)
            VerySlow(what, elapsed.TotalMilliseconds);
        else if (settings.SlowSqlThreshold > TimeSpan.Zero && elapsed >= settings.SlowSqlThreshold)
            Slow(what, elapsed.TotalMilliseconds);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Slow SQL: {What} took {Elapsed:n0} ms")]
    private partial void Slow(string what, double elapsed);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Slow SQL: {What} took {Elapsed:n0} ms")]
    private partial void VerySlow(string what, double elapsed);
}
