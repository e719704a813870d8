using Microsoft.Extensions.Logging;

namespace Kine.Host.Logging;

/// <summary>
/// The log: one line an entry, plain or JSON. Debug lines go to standard output, all others to standard error, as upstream kine's do.
/// </summary>
internal sealed class LineLoggerProvider(bool json, TextWriter output, TextWriter error, TimeProvider time) : ILoggerProvider
{
    private readonly Lock _lock = new(); // guards the two writers, so that lines stay whole

    public ILogger CreateLogger(string categoryName) => new LineLogger(this, categoryName);

    public void Dispose()
    {
        output.Flush();
        error.Flush();
    }

    /// <summary>Writes one entry.</summary>
    public void Write(LogLevel level, string category, string message, Exception? exception)
    {
        var line = json
            ? LogLine.Json(time.GetUtcNow(), level, category, message, exception)
            : LogLine.Plain(time.GetUtcNow(), level, message, exception);
        lock (_lock)
        {
            (level <= LogLevel.Debug ? output : error).WriteLine(line);
        }
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
