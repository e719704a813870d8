using System.Diagnostics;
using System.Runtime.InteropServices;
using Kine.Grains.Cluster;
using Kine.Grains.Hosting;
using Kine.Host.Cli;
using Kine.Host.Logging;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Kine.Host.Hosting;

/// <summary>Runs the server from its options to a signal, and says so.</summary>
/// <param name="backend">Adds what is behind the front end.</param>
/// <param name="output">Standard output.</param>
/// <param name="error">Standard error: the log, and the sentence that says why there is no server.</param>
/// <param name="time">The clock.</param>
internal sealed class ServerProgram(Action<IServiceCollection, ServerOptions, ILoggerFactory> backend, TextWriter output, TextWriter error, TimeProvider time)
{
    private const int Failed = 1;

    /// <summary>Serves until SIGTERM, SIGINT or SIGQUIT, and gives the exit code.</summary>
    public async Task<int> Run(ServerOptions options)
    {
        // A host would hear of signals only once it starts; the first process of a container would never.
        using var ended = new CancellationTokenSource();
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, End);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, End);
        using var quit = PosixSignalRegistration.Create(PosixSignal.SIGQUIT, End);
        OutOfMemory.EndsTheProcess();
        using var logging = Log.Create(options, output, error, time, ended.Token);
        return await Run(options, logging, ended.Token);

        void End(PosixSignalContext signal)
        {
            signal.Cancel = true;
            _ = ended.CancelAsync();
        }
    }

    /// <summary>Serves until a signal comes or the token fires, and gives the exit code.</summary>
    public async Task<int> Run(ServerOptions options, ILoggerFactory logging, CancellationToken ended)
    {
        var logger = logging.CreateLogger("Kine");
        TaskScheduler.UnobservedTaskException += OnUnobserved;
        try
        {
            var start = time.GetTimestamp();
            logger.LogDebug("kine {Version} starts", KineCommand.Version);
            _ = Task.Run(WarmUp.Run, CancellationToken.None);
            var host = KineHost.Build(options, services => backend(services, options, logging), logging, time);
            var failure = host.Services.GetRequiredService<ProcessFailure>();
            if (!await host.Start(ended))
                return ExitCode(logger, failure);

            LogStarted(logger, options, host, time.GetElapsedTime(start));
            await host.WaitForStop(ended);
            var code = ExitCode(logger, failure);
            if (code == 0)
                logger.LogInformation("stopping");

            if (!failure.IsLost && !await host.Stop() && code == 0)
            {
                logger.LogWarning(
                    "the store did not answer in time, so that it was not released: the next writer waits for the lease to run out, and writes without an answer may or may not have happened");
            }

            return code;
        }
        catch (StartException e)
        {
            await error.WriteLineAsync($"kine: {e.Message}");
            return e.WrongSettings ? KineCommand.WrongUsage : Failed;
        }
        catch (Exception e)
        {
            logger.LogCritical(e, "the server failed");
            return Failed;
        }
        finally
        {
            TaskScheduler.UnobservedTaskException -= OnUnobserved;
        }

        void OnUnobserved(object? sender, UnobservedTaskExceptionEventArgs e) => logger.LogError(e.Exception, "a task failed and nobody looked");
    }

    private static int ExitCode(ILogger logger, ProcessFailure failure)
    {
        if (failure.Reason is not { } reason)
            return 0;

        logger.LogCritical("{Reason}", reason);
        return Failed;
    }

    private void LogStarted(ILogger logger, ServerOptions options, KineHost host, TimeSpan sinceMain)
    {
        var store = host.Services.GetRequiredService<IStoreStatus>();
        if (store.StandsByFor is { } holder)
        {
            logger.LogInformation(
                "kine {Version} stands by on {Address}, store {Store}: the process at {Holder} writes to it",
                KineCommand.Version,
                Address(options, host),
                store.StoreDescription,
                holder);
        }
        else
        {
            var seconds = (time.GetUtcNow() - Process.GetCurrentProcess().StartTime.ToUniversalTime()).TotalSeconds;
            logger.LogInformation(
                "kine {Version} serves etcd v3 on {Address}, store {Store}, revision {Revision}, ready in {Seconds} s",
                KineCommand.Version,
                Address(options, host),
                store.StoreDescription,
                host.Services.GetRequiredService<IEtcdApi>().Header().Revision,
                (seconds is < 0 or > 3600 ? sinceMain.TotalSeconds : seconds).ToString("0.0"));
        }

        if (options.MetricsEnableProfiling)
            logger.LogInformation("profiling: attach dotnet-trace, dotnet-counters or dotnet-gcdump to process {Pid}", Environment.ProcessId);
    }

    // What the user wrote, but with the port that was really taken.
    private static string Address(ServerOptions options, KineHost host)
    {
        var port = host.Listener.Port;
        if (port == 0)
            return options.ListenAddress.Length == 0 ? "unix://kine.sock" : options.ListenAddress;

        var colon = options.ListenAddress.LastIndexOf(':');
        return $"{options.ListenAddress[..colon]}:{port}";
    }
}
