using Kine.Host.Cli;
using Microsoft.Extensions.Logging;

namespace Kine.Host.Logging;

/// <summary>Sets up the program's log.</summary>
internal static class Log
{
    /// <summary>A log as the options ask for. Kestrel is quiet: what clients do wrong is no news.</summary>
    public static ILoggerFactory Create(ServerOptions options, TextWriter output, TextWriter error, TimeProvider time) =>
        LoggerFactory.Create(logging =>
        {
            logging.SetMinimumLevel(options.Debug ? LogLevel.Debug : LogLevel.Information);
            logging.AddFilter("Microsoft", options.Debug ? LogLevel.Information : LogLevel.Warning);
            logging.AddProvider(new LineLoggerProvider(options.LogFormat == "json", output, error, time));
        });
}
