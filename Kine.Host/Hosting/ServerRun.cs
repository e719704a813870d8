using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Kine.Grains.Hosting;
using Kine.Host.Cli;
using Kine.Host.Logging;
using Microsoft.Extensions.Logging;

namespace Kine.Host.Hosting;

/// <summary>Runs the server from its options to a signal.</summary>
/// <param name="backends">Makes the backend.</param>
/// <param name="output">Standard output.</param>
/// <param name="error">Standard error: the log, and the sentence that says why there is no server.</param>
/// <param name="time">The clock.</param>
internal sealed class ServerRun(BackendFactory backends, TextWriter output, TextWriter error, TimeProvider time)
{
    private const int Failed = 1;

    /// <summary>Serves until SIGTERM or SIGINT, and gives the exit code.</summary>
    public async Task<int> Run(ServerOptions options)
    {
        using var logging = Log.Create(options, output, error, time);
        using var ended = new CancellationTokenSource();
        using var terminate = Handle(PosixSignal.SIGTERM, ended);
        using var interrupt = Handle(PosixSignal.SIGINT, ended);
        return await Run(options, logging, ended.Token);
    }

    /// <summary>Serves until the token fires, and gives the exit code.</summary>
    public async Task<int> Run(ServerOptions options, ILoggerFactory logging, CancellationToken ended)
    {
        var logger = logging.CreateLogger("Kine");
        TaskScheduler.UnobservedTaskException += OnUnobserved;
        try
        {
            var start = time.GetTimestamp();
            var settings = ListenSettings.Read(options, logging.CreateLogger("Kine.Tls"), time);
            var backend = backends(options, logging, time);
            await using var server = await KineServer.Start(options, settings, backend, logging, time, ended);
            var seconds = (time.GetUtcNow() - Process.GetCurrentProcess().StartTime.ToUniversalTime()).TotalSeconds;
            if (seconds is < 0 or > 3600)
            {
                seconds = time.GetElapsedTime(start).TotalSeconds;
            }

            if (backend.StandsByFor is { } holder)
            {
                logger.LogInformation(
                    "kine {Version} stands by on {Address}, store {Store}: the process at {Holder} writes to it",
                    KineCommand.Version,
                    Address(options, server),
                    backend.StoreDescription,
                    holder);
            }
            else
            {
                logger.LogInformation(
                    "kine {Version} serves etcd v3 on {Address}, store {Store}, revision {Revision}, ready in {Seconds} s",
                    KineCommand.Version,
                    Address(options, server),
                    backend.StoreDescription,
                    server.Revision,
                    seconds.ToString("0.0", CultureInfo.InvariantCulture));
            }

            if (options.MetricsEnableProfiling)
            {
                logger.LogInformation("profiling: attach dotnet-trace, dotnet-counters or dotnet-gcdump to process {Pid}", Environment.ProcessId);
            }

            var broken = await WaitForEnd(backend, ended);
            if (broken is not null)
            {
                logger.LogCritical("{Reason}", broken);
            }
            else
            {
                logger.LogInformation("stopping");
            }

            if (!await server.Stop())
            {
                logger.LogWarning(
                    "the store did not answer in time, so that it was not released: the next writer waits for the lease to run out, and writes without an answer may or may not have happened");
            }

            return broken is null ? 0 : Failed;
        }
        catch (OperationCanceledException) when (ended.IsCancellationRequested)
        {
            return 0; // Told to stop while still starting.
        }
        catch (StartException e)
        {
            await error.WriteLineAsync($"kine: {e.Message}");
            return e.WrongSettings ? KineCommand.WrongUsage : Failed;
        }
        catch (BackendException e)
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

    private static PosixSignalRegistration Handle(PosixSignal signal, CancellationTokenSource ended) =>
        PosixSignalRegistration.Create(signal, context =>
        {
            context.Cancel = true;
            ended.Cancel();
        });

    private static async Task<string?> WaitForEnd(IServerBackend backend, CancellationToken ended)
    {
        try
        {
            return await backend.Broken.WaitAsync(ended);
        }
        catch (OperationCanceledException) when (ended.IsCancellationRequested)
        {
            return null;
        }
    }

    // What the user wrote, but with the port that was really taken.
    private static string Address(ServerOptions options, KineServer server)
    {
        if (server.Port == 0)
        {
            return options.ListenAddress.Length == 0 ? "unix://kine.sock" : options.ListenAddress;
        }

        var colon = options.ListenAddress.LastIndexOf(':');
        return string.Create(CultureInfo.InvariantCulture, $"{options.ListenAddress[..colon]}:{server.Port}");
    }
}
