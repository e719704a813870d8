using System.Diagnostics;
using Microsoft.Extensions.Logging;

namespace Kine.Backends.Postgres;

/// <summary>Says which statements took long.</summary>
internal sealed class SlowStatements(PostgresOptions options)
{
    private readonly ILogger _log = options.Logging.CreateLogger<PostgresRevisionStore>();

    /// <summary>Logs the statement if it was slow.</summary>
    /// <param name="what">Name of the statement.</param>
    /// <param name="start">Timestamp of its beginning.</param>
    public void Note(string what, long start)
    {
        var elapsed = Stopwatch.GetElapsedTime(start);
        if (options.SlowSqlWarningThreshold > TimeSpan.Zero && elapsed >= options.SlowSqlWarningThreshold)
        {
            _log.LogWarning("Slow SQL: {What} took {Elapsed:n0} ms", what, elapsed.TotalMilliseconds);
        }
        else if (options.SlowSqlThreshold > TimeSpan.Zero && elapsed >= options.SlowSqlThreshold)
        {
            _log.LogInformation("Slow SQL: {What} took {Elapsed:n0} ms", what, elapsed.TotalMilliseconds);
        }
    }
}
