using System.Diagnostics;
using System.Globalization;
using Google.Protobuf;
using Grpc.Core;
using Kine.Etcd;
using Kine.Host.Bench;
using Kine.Host.Client;
using Kine.Tests.Servers;

namespace Kine.Tests.Figures;

/// <summary>A server process on a free loopback port, with its data in a folder of the caller's.</summary>
internal sealed class ServerUnderTest : IAsyncDisposable
{
    private const int SigCont = 18;
    private static readonly TimeSpan StartLimit = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan StopLimit = TimeSpan.FromMinutes(1);

    private readonly long _started = Stopwatch.GetTimestamp();
    private readonly RunningProcess _process;

    private ServerUnderTest(RunningProcess process, int port)
    {
        _process = process;
        Port = port;
        Endpoint = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}");
    }

    public string Endpoint { get; }

    public int Port { get; }

    public int Pid => _process.Pid;

    /// <summary>Time from the start of the process to the first answered Range.</summary>
    public TimeSpan ReadyAfter { get; private set; }

    /// <summary>Starts kine on a SQLite file in the folder, and waits until it answers.</summary>
    /// <exception cref="BenchException">It ended or never answered.</exception>
    public static Task<ServerUnderTest> StartKine(string program, TempFolder folder, params string[] more) =>
        StartKineOn(program, $"sqlite://{folder["state.db"]}", more);

    /// <summary>Starts kine on a store, and waits until it answers.</summary>
    /// <exception cref="BenchException">It ended or never answered.</exception>
    public static Task<ServerUnderTest> StartKineOn(string program, string endpoint, params string[] more) => StartKineOn(program, endpoint, FreePort.Next(), more);

    /// <summary>Starts kine on a store and a port, and waits until it answers.</summary>
    /// <exception cref="BenchException">It ended or never answered.</exception>
    public static Task<ServerUnderTest> StartKineOn(string program, string endpoint, int port, params string[] more) =>
        Start(program, ["--listen-address", $"127.0.0.1:{port}", "--endpoint", endpoint, "--metrics-bind-address", "0", .. more], port);

    /// <summary>Starts a single etcd in the folder, and waits until it answers.</summary>
    /// <exception cref="BenchException">It ended or never answered.</exception>
    public static Task<ServerUnderTest> StartEtcd(string program, TempFolder folder)
    {
        var port = FreePort.Next();
        var client = $"http://127.0.0.1:{port}";
        var peer = $"http://127.0.0.1:{FreePort.Next()}";
        string[] arguments =
        [
            "--data-dir", folder["etcd"], "--listen-client-urls", client, "--advertise-client-urls", client,
            "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", $"default={peer}",
            "--quota-backend-bytes", "8589934592", "--log-level", "error",
        ];
        return Start(program, arguments, port);
    }

    /// <summary>Resident memory now, in bytes.</summary>
    public long ResidentBytes => _process.ResidentBytes;

    /// <summary>The most that was resident since the start or <see cref="ResetPeak"/>, in bytes.</summary>
    public long PeakResidentBytes => _process.PeakResidentBytes;

    public bool HasEnded => _process.HasExited;

    /// <summary>Everything it printed.</summary>
    public string Output => _process.Output;

    public ServerProcess Measure() => new(Pid);

    /// <summary>Begins a new peak at what is resident now.</summary>
    public void ResetPeak() => File.WriteAllText($"/proc/{Pid}/clear_refs", "5");

    /// <summary>What it printed last, to end a message with.</summary>
    public string LogTail() => "; its last lines:\n" + string.Join('\n', _process.Output.TrimEnd().Split('\n').TakeLast(10));

    /// <summary>Asks the process to end (SIGTERM) and gives the time it took.</summary>
    /// <exception cref="BenchException">It did not end, or not with code 0.</exception>
    public async Task<TimeSpan> Stop()
    {
        var start = Stopwatch.GetTimestamp();
        if (!await _process.Terminate(StopLimit))
            throw new BenchException($"the server did not end within {StopLimit.TotalSeconds:0} s after SIGTERM{LogTail()}");

        return _process.ExitCode == 0
            ? Stopwatch.GetElapsedTime(start)
            : throw new BenchException($"the server ended with code {_process.ExitCode}{LogTail()}");
    }

    /// <summary>Kills the process without warning (SIGKILL).</summary>
    public Task KillHard() => _process.Kill();

    /// <summary>Stops all its threads (SIGSTOP).</summary>
    public Task Pause() => _process.Pause();

    /// <summary>Lets them go on.</summary>
    public void Continue() => _process.Signal(SigCont);

    public async ValueTask DisposeAsync()
    {
        await _process.Kill();
        _process.Dispose();
    }

    private static async Task<ServerUnderTest> Start(string program, string[] arguments, int port)
    {
        RunningProcess process;
        try
        {
            process = RunningProcess.Start(program, arguments);
        }
        catch (System.ComponentModel.Win32Exception error)
        {
            throw new BenchException($"{program} cannot be started: {error.Message}");
        }

        var server = new ServerUnderTest(process, port);
        try
        {
            await server.WaitReady();
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    private async Task WaitReady()
    {
        var request = new RangeRequest { Key = ByteString.CopyFromUtf8("health") };
        using var channel = new EtcdChannel(Endpoint);
        while (true)
        {
            try
            {
                await channel.Kv.RangeAsync(request, deadline: DateTime.UtcNow + StartLimit);
                ReadyAfter = Stopwatch.GetElapsedTime(_started);
                return;
            }
            catch (RpcException failure) when (failure.StatusCode == StatusCode.Unavailable)
            {
                if (_process.HasExited)
                    throw new BenchException($"the server ended with code {_process.ExitCode}{LogTail()}");

                if (Stopwatch.GetElapsedTime(_started) > StartLimit)
                    throw new BenchException($"the server did not answer within {StartLimit.TotalMinutes:0} minutes: {failure.Describe()}{LogTail()}");

                await Task.Delay(5);
            }
        }
    }
}
