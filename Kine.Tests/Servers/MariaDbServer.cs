using System.Globalization;

namespace Kine.Tests.Servers;

/// <summary>
/// A real MariaDB. It does not wait for its disk at every commit, but what it has committed survives its own death. Root logs in without a password.
/// </summary>
public sealed class MariaDbServer : DatabaseServer
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(120);
    private static int _databases;

    private readonly TempFolder _folder = new();
    private readonly string[] _options;
    private RunningProcess? _process;

    /// <param name="options">Further options of the server.</param>
    public MariaDbServer(params string[] options) => _options = options;

    public override string Name => "MariaDB";

    public override int Port { get; } = FreePort.Next();

    /// <summary>The Unix socket.</summary>
    public string Socket => _folder["mariadb.sock"];

    /// <summary>The server's folder, readable by its user; for files that it is to read.</summary>
    public string Folder => _folder.FullName;

    /// <summary>The running server.</summary>
    public RunningProcess Process => _process ?? throw new InvalidOperationException("MariaDB was not started");

    public override string NewEndpoint(int port = 0) => Endpoint(NewDatabase(), port);

    /// <summary>The endpoint of a database.</summary>
    /// <param name="database">Its name.</param>
    /// <param name="port">Port to name instead of the server's own; 0 = its own.</param>
    public string Endpoint(string database, int port = 0) =>
        string.Create(CultureInfo.InvariantCulture, $"mysql://root@tcp(127.0.0.1:{(port == 0 ? Port : port)})/{database}");

    /// <summary>A name that no other test uses.</summary>
    public static string NewDatabase() => string.Create(CultureInfo.InvariantCulture, $"kine_{Interlocked.Increment(ref _databases)}");

    public override async Task Start()
    {
        if (!Directory.Exists(_folder["data"]))
        {
            await Install();
        }

        _process?.Dispose();
        // A file that may not grow is an error to it like a full disk, not its end.
        _process = RunningProcess.Start("env",
        [
            "--ignore-signal=XFSZ", "/usr/sbin/mariadbd", "--no-defaults", .. User, $"--datadir={_folder["data"]}", $"--socket={Socket}", $"--pid-file={_folder["mariadb.pid"]}", "--bind-address=127.0.0.1",
            string.Create(CultureInfo.InvariantCulture, $"--port={Port}"), "--innodb-flush-log-at-trx-commit=2", "--innodb-buffer-pool-size=64M", "--innodb-log-file-size=16M",
            "--performance-schema=OFF", "--skip-log-bin", .. _options,
        ]);
        var deadline = DateTime.UtcNow + StartLimit;
        while (true)
        {
            var probe = await Client("SELECT 1");
            if (probe.ExitCode == 0)
            {
                return;
            }

            if (_process.HasExited)
            {
                throw new InvalidOperationException($"MariaDB ended with {_process.ExitCode} at its start:\n{_process.Output}");
            }

            if (DateTime.UtcNow > deadline)
            {
                throw new TimeoutException($"MariaDB gave no answer within {StartLimit}: {probe.Errors}\n{_process.Output}");
            }

            await Task.Delay(20);
        }
    }

    public override async Task Kill()
    {
        if (_process is not null)
        {
            await _process.Kill();
        }
    }

    /// <summary>Takes over the data of a server that has ended cleanly, instead of new data of its own.</summary>
    public async Task CopyData(MariaDbServer stopped)
    {
        await Prepare();
        var copy = await Command.Run("cp", ["--archive", stopped._folder["data"], _folder["data"]]);
        Assert.True(copy.ExitCode == 0, copy.Errors);
    }

    /// <summary>Runs SQL as root over the socket; gives the rows, columns by tabs.</summary>
    public async Task<string> Run(string sql, string database = "")
    {
        var done = await Client(sql, database);
        Assert.True(done.ExitCode == 0, done.Errors);
        return done.Output.TrimEnd('\n');
    }

    public override async ValueTask DisposeAsync()
    {
        await Kill();
        _process?.Dispose();
        _folder.Dispose();
    }

    // Servers refuse to run as root.
    private static string[] User => Environment.IsPrivilegedProcess ? ["--user=mysql"] : [];

    private async Task Install()
    {
        await Prepare();
        var install = await Command.Run("mariadb-install-db",
            ["--no-defaults", .. User, $"--datadir={_folder["data"]}", "--auth-root-authentication-method=normal", "--skip-test-db"],
            within: StartLimit);
        Assert.True(install.ExitCode == 0, install.Output + install.Errors);
    }

    private async Task Prepare()
    {
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(Folder, (UnixFileMode)0b111_101_101);
        }

        if (Environment.IsPrivilegedProcess)
        {
            // The socket and the pid file stand beside the data.
            var owner = await Command.Run("chown", ["mysql", Folder]);
            Assert.True(owner.ExitCode == 0, owner.Errors);
        }
    }

    private Task<Command> Client(string sql, string database = "") => Command.Run(
        "mariadb", ["--no-defaults", "--user=root", $"--socket={Socket}", "--batch", "--skip-column-names", $"--execute={sql}", database]);
}
