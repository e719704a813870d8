#if ORLEANS
using Microsoft.Extensions.Logging;

namespace Kine.Grains.Hosting;

/// <summary>
/// The log as Orleans writes to it, without the activations that ended with an answer of etcd's API: a writer that is refused because another process has the
/// store is how standing by looks, asked for every second and by every request, and no error with a stack trace. Callers are given the answer, and
/// <see cref="Fencing.Candidacy"/> says in one line for whom this process stands by. Everything else passes unchanged.
/// </summary>
internal sealed class RefusedActivationFilter(ILoggerFactory log) : ILoggerFactory
{
    private const string Orleans = "Orleans.";

    public ILogger CreateLogger(string categoryName)
    {
        ILogger logger = log.CreateLogger(categoryName);
        return categoryName.StartsWith(Orleans, StringComparison.Ordinal) ? new Filtered(logger) : logger;
    }

    public void AddProvider(ILoggerProvider provider) => log.AddProvider(provider);

    // What is behind it belongs to whoever made it.
    public void Dispose()
    {
    }

    private sealed class Filtered(ILogger logger) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => logger.BeginScope(state);

        public bool IsEnabled(LogLevel logLevel) => logger.IsEnabled(logLevel);

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (exception is not EtcdException { Code: StatusCode.Unavailable })
            {
                logger.Log(logLevel, eventId, state, exception, formatter);
            }
        }
    }
}
#endif
