using Kine.Host.Cli;
using Microsoft.Extensions.Logging;

namespace Kine.Host.Logging;

/// <summary>Sets up the program's log.</summary>
internal static class Log
{
    /// <summary>A log as the options ask for. Kestrel and Orleans are quiet: what clients do wrong is no news, nor is a silo that starts.</summary>
    /// <param name="options">How much is logged, and in which form.</param>
    /// <param name="output">Standard output.</param>
    /// <param name="error">Standard error.</param>
    /// <param name="time">The clock.</param>
    /// <param name="ended">Fires when the process was told to stop: what Orleans says of a start that is cut off is no news.</param>
    public static ILoggerFactory Create(ServerOptions options, TextWriter output, TextWriter error, TimeProvider time, CancellationToken ended = default) =>
        LoggerFactory.Create(logging =>
        {
            logging.SetMinimumLevel(options.Debug ? LogLevel.Debug : LogLevel.Information);
            logging.AddFilter("Microsoft", options.Debug ? LogLevel.Information : LogLevel.Warning);
            logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.None); // a start that fails is told in a sentence
            logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None); // makes an activity for each request else
            logging.AddFilter("Grpc", options.Debug ? LogLevel.Information : LogLevel.Error);
            logging.AddFilter("Orleans", Orleans(LogLevel.Critical)); // who comes and goes is told in a line of our own
            logging.AddFilter("Polly", options.Debug ? LogLevel.Information : LogLevel.Warning);

            Func<LogLevel, bool> Orleans(LogLevel least) => level => options.Debug ? level >= LogLevel.Information : level >= least && !ended.IsCancellationRequested;

            logging.AddProvider(new LineLoggerProvider(options.LogFormat == "json", output, error, time));
        });
}
