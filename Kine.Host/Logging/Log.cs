using Kine.Host.Cli;
using Microsoft.Extensions.Logging;

namespace Kine.Host.Logging;

/// <summary>Sets up the program's log.</summary>
internal static class Log
{
    /// <summary>A log as the options ask for. Kestrel and Orleans are quiet: what clients do wrong is no news, nor is a silo that starts.</summary>
    public static ILoggerFactory Create(ServerOptions options, TextWriter output, TextWriter error, TimeProvider time) =>
        LoggerFactory.Create(logging =>
        {
            logging.SetMinimumLevel(options.Debug ? LogLevel.Debug : LogLevel.Information);
            logging.AddFilter("Microsoft", options.Debug ? LogLevel.Information : LogLevel.Warning);
            logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.None); // a start that fails is told in a sentence
            logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None); // makes an activity for each request else
            logging.AddFilter("Grpc", options.Debug ? LogLevel.Information : LogLevel.Error);
            logging.AddFilter("Orleans", options.Debug ? LogLevel.Information : LogLevel.Warning);
            logging.AddFilter("Orleans.Runtime.Silo", options.Debug ? LogLevel.Information : LogLevel.Error); // advises another garbage collector
            logging.AddFilter("Orleans.Runtime.Watchdog", options.Debug ? LogLevel.Information : LogLevel.Error); // warns at start, before its clock is set
            logging.AddFilter("Polly", options.Debug ? LogLevel.Information : LogLevel.Warning);
            logging.AddProvider(new LineLoggerProvider(options.LogFormat == "json", output, error, time));
        });
}
