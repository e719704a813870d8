using Microsoft.Extensions.Logging;

namespace Kine.Host.Logging;

/// <summary>
/// The log: one line an entry, plain or JSON. Debug lines go to standard output, all others to standard error, as upstream kine's do. A warning or an error that
/// comes again and again is written once a minute, with the number of those left out.
/// </summary>
internal sealed class LineLoggerProvider(bool json, TextWriter output, TextWriter error, TimeProvider time) : ILoggerProvider
{
    private const int MostRemembered = 1000;
    private static readonly TimeSpan Repeats = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new(); // guards what follows, and the two writers, so that lines stay whole
    private readonly Dictionary<string, (long WrittenAt, int LeftOut)> _warnings = new(StringComparer.Ordinal);

    public ILogger CreateLogger(string categoryName) => new LineLogger(this, categoryName);

    public void Dispose()
    {
        output.Flush();
        error.Flush();
    }

    /// <summary>Writes one entry.</summary>
    public void Write(LogLevel level, string category, string message, Exception? exception)
    {
        lock (_lock)
        {
            if (level >= LogLevel.Warning && IsRepeated($"{message}: {exception?.Message}", ref message))
                return;

            var line = json
                ? LogLine.Json(time.GetUtcNow(), level, category, message, exception)
                : LogLine.Plain(time.GetUtcNow(), level, message, exception);
            (level <= LogLevel.Debug ? output : error).WriteLine(line);
        }
    }

    private bool IsRepeated(string text, ref string message)
    {
        if (_warnings.TryGetValue(text, out var last) && time.GetElapsedTime(last.WrittenAt) < Repeats)
        {
            _warnings[text] = last with { LeftOut = last.LeftOut + 1 };
            return true;
        }

        if (_warnings.Count == MostRemembered)
            _warnings.Clear();

        _warnings[text] = (time.GetTimestamp(), 0);
        message = last.LeftOut == 0 ? message : $"{message} ({last.LeftOut} more since the last such line)";
        return false;
    }

    private sealed class LineLogger(LineLoggerProvider provider, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel != LogLevel.None;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            provider.Write(logLevel, category, formatter(state, exception), exception);
    }
}
