using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Google.Protobuf;
using Kine.Etcd;
using Kine.Grains;
using Kine.Host.Bench.Http2;

namespace Kine.Host.Bench.Figures;

/// <summary>A server process of our own on a free loopback port, with its data in a folder of the caller's.</summary>
internal sealed partial class ServerUnderTest : IAsyncDisposable
{
    private const int SigTerm = 15;
    private static readonly TimeSpan StartLimit = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan StopLimit = TimeSpan.FromMinutes(1);

    private readonly Process _process;
    private readonly long _started = Stopwatch.GetTimestamp();
    private readonly string _log;

    private ServerUnderTest(Process process, string endpoint, string log)
    {
        _process = process;
        _log = log;
        Endpoint = endpoint;
        File.WriteAllText(log, "");
        process.OutputDataReceived += (_, line) => Note(line.Data);
        process.ErrorDataReceived += (_, line) => Note(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public string Endpoint { get; }

    public int Pid => _process.Id;

    /// <summary>Time from the start of the process to the first answered Range.</summary>
    public TimeSpan ReadyAfter { get; private set; }

    /// <summary>Starts kine on a SQLite file in the folder, and waits until it answers.</summary>
    /// <exception cref="BenchException">It ended or never answered.</exception>
    public static Task<ServerUnderTest> StartKine(string program, string folder, params string[] more) =>
        StartKineOn(program, $"sqlite://{folder}/state.db", folder, more);

    /// <summary>Starts kine on a store, with its log in the folder, and waits until it answers.</summary>
    /// <exception cref="BenchException">It ended or never answered.</exception>
    public static Task<ServerUnderTest> StartKineOn(string program, string endpoint, string folder, params string[] more)
    {
        var port = FreePort();
        string[] arguments = ["--listen-address", $"127.0.0.1:{port}", "--endpoint", endpoint, "--metrics-bind-address", "0", .. more];
        return Start(program, arguments, port, Path.Combine(folder, "kine.log"));
    }

    /// <summary>Starts a single etcd in the folder, and waits until it answers.</summary>
    /// <exception cref="BenchException">It ended or never answered.</exception>
    public static Task<ServerUnderTest> StartEtcd(string program, string folder)
    {
        var port = FreePort();
        var client = $"http://127.0.0.1:{port}";
        var peer = $"http://127.0.0.1:{FreePort()}";
        string[] arguments =
        [
            "--data-dir", Path.Combine(folder, "etcd"), "--listen-client-urls", client, "--advertise-client-urls", client,
            "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", $"default={peer}",
            "--quota-backend-bytes", "8589934592", "--log-level", "error",
        ];
        return Start(program, arguments, port, Path.Combine(folder, "etcd.log"));
    }

    public ServerProcess Measure() => new(Pid);

    /// <summary>Asks the process to end (SIGTERM) and gives the time it took.</summary>
    /// <exception cref="BenchException">It did not end, or not with code 0.</exception>
    public async Task<TimeSpan> Stop()
    {
        var start = Stopwatch.GetTimestamp();
        if (Kill(Pid, SigTerm) != 0)
        {
            throw new BenchException($"process {Pid} cannot be signalled");
        }

        using var limit = new CancellationTokenSource(StopLimit);
        try
        {
            await _process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            throw new BenchException($"the server did not end within {StopLimit.TotalSeconds:0} s after SIGTERM{LogTail()}");
        }

        return _process.ExitCode == 0
            ? Stopwatch.GetElapsedTime(start)
            : throw new BenchException($"the server ended with code {_process.ExitCode}{LogTail()}");
    }

    /// <summary>Kills the process without warning (SIGKILL).</summary>
    public async Task KillHard()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            await KillHard();
        }

        _process.Dispose();
    }

    private static async Task<ServerUnderTest> Start(string program, string[] arguments, int port, string log)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };

        // The environment of this process configures this process only.
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("KINE_", StringComparison.Ordinal) || name.StartsWith("ETCD_", StringComparison.Ordinal)).ToList())
        {
            start.Environment.Remove(name);
        }

        start.Environment.Remove(BenchCommand.InlineSockets);
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception error)
        {
            throw new BenchException($"{program} cannot be started: {error.Message}");
        }

        var server = new ServerUnderTest(process, string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}"), log);
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

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int pid, int signal);

    private async Task WaitReady()
    {
        var request = new RangeRequest { Key = ByteString.CopyFromUtf8("health") }.ToByteArray();
        await using var channel = new EtcdChannel(Endpoint);
        while (true)
        {
            try
            {
                await channel.Unary(EtcdMethods.Range, request, new CallOptions { Timeout = StartLimit });
                ReadyAfter = Stopwatch.GetElapsedTime(_started);
                return;
            }
            catch (GrpcException failure) when (failure.Code == StatusCode.Unavailable)
            {
                if (_process.HasExited)
                {
                    throw new BenchException($"the server ended with code {_process.ExitCode}{LogTail()}");
                }

                if (Stopwatch.GetElapsedTime(_started) > StartLimit)
                {
                    throw new BenchException($"the server did not answer within {StartLimit.TotalMinutes:0} minutes: {failure.Detail}{LogTail()}");
                }

                await Task.Delay(5);
            }
        }
    }

    private void Note(string? line)
    {
        if (line is null)
        {
            return;
        }

        lock (_process)
        {
            File.AppendAllText(_log, line + "\n");
        }
    }

    private string LogTail()
    {
        lock (_process)
        {
            return "; its last lines:\n" + string.Join('\n', File.ReadLines(_log).TakeLast(10));
        }
    }
}
