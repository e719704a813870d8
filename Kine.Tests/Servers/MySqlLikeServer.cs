using System.Globalization;

namespace Kine.Tests.Servers;

/// <summary>
/// A real server that speaks MySQL's protocol. It does not wait for its disk at every commit, but what it has committed survives its own death. Root logs in
/// without a password.
/// </summary>
public abstract class MySqlLikeServer : DatabaseServer
{
    protected static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(120);
    private static int _databases;

    private readonly TempFolder _folder = new();
    private RunningProcess? _process;

    public override int Port { get; } = FreePort.Next();

    /// <summary>The Unix socket.</summary>
    public string Socket => _folder["server.sock"];

    /// <summary>The server's folder, readable by its user; for files that it is to read.</summary>
    public string Folder => _folder.FullName;

    /// <summary>The running server.</summary>
    public RunningProcess Process => _process ?? throw new InvalidOperationException($"{Name} was not started");

    /// <summary>Number of deadlocks so far, in SQL; the last column of its row.</summary>
    public abstract string DeadlocksQuery { get; }

    /// <summary>SQL that holds up commits of all others, as a backup does, and what ends it.</summary>
    public abstract (string Begin, string End) BackupLock { get; }

    /// <summary>Account that the server runs as, where the tests run as root.</summary>
    public abstract string Account { get; }

    /// <summary>Where its data is.</summary>
    protected string Data => _folder["data"];

    public override string NewEndpoint(int port = 0) => Endpoint(NewDatabase(), port);

    /// <summary>The endpoint of a database.</summary>
    /// <param name="database">Its name.</param>
    /// <param name="port">Port to name instead of the server's own; 0 = its own.</param>
    public string Endpoint(string database, int port = 0) =>
        string.Create(CultureInfo.InvariantCulture, $"mysql://root@tcp(127.0.0.1:{(port == 0 ? Port : port)})/{database}");

    /// <summary>A name that no other test uses.</summary>
    public static string NewDatabase() => string.Create(CultureInfo.InvariantCulture, $"kine_{Interlocked.Increment(ref _databases)}");

    /// <summary>Makes the data of a new server.</summary>
    protected abstract Task Install();

    /// <summary>The server's program and its first options.</summary>
    protected abstract IEnumerable<string> Program { get; }

    /// <summary>Options that come after all others.</summary>
    protected abstract IEnumerable<string> Options { get; }

    public override async Task Start()
    {
        if (!Directory.Exists(Data))
        {
            await Prepare();
            await Install();
        }

        _process?.Dispose();
        // A file that may not grow is an error to it like a full disk, not its end.
        _process = RunningProcess.Start("env",
        [
            "--ignore-signal=XFSZ", .. Program, $"--datadir={Data}", $"--socket={Socket}", $"--pid-file={_folder["server.pid"]}", "--bind-address=127.0.0.1",
            string.Create(CultureInfo.InvariantCulture, $"--port={Port}"), "--innodb-flush-log-at-trx-commit=2", "--innodb-buffer-pool-size=64M",
            "--performance-schema=OFF", "--skip-log-bin", .. Options,
        ]);
        var deadline = DateTime.UtcNow + StartLimit;
        while (true)
        {
            var probe = await Client("SELECT 1");
            if (probe.ExitCode == 0)
                return;

            if (_process.HasExited)
                throw new InvalidOperationException($"{Name} ended with {_process.ExitCode} at its start:\n{_process.Output}");

            if (DateTime.UtcNow > deadline)
                throw new TimeoutException($"{Name} gave no answer within {StartLimit}: {probe.Errors}\n{_process.Output}");

            await Task.Delay(20);
        }
    }

    public override async Task Kill()
    {
        if (_process is not null)
            await _process.Kill();
    }

    /// <summary>Takes over the data of a server that has ended cleanly, instead of new data of its own.</summary>
    public async Task CopyData(MySqlLikeServer stopped)
    {
        await Prepare();
        var copy = await Command.Run("cp", ["--archive", stopped.Data, Data]);
        Assert.True(copy.ExitCode == 0, copy.Errors);
    }

    /// <summary>Lets no file grow past that many bytes, as a full disk would; null = no limit.</summary>
    public async Task LimitFiles(long? bytes)
    {
        string[] asServer = Environment.IsPrivilegedProcess ? [$"--reuid={Account}", $"--regid={Account}", "--clear-groups"] : [];
        var limit = bytes?.ToString(CultureInfo.InvariantCulture) ?? "unlimited";
        var done = await Command.Run("setpriv", [.. asServer, "prlimit", "--pid", $"{Process.Pid}", $"--fsize={limit}:unlimited"]);
        Assert.True(done.ExitCode == 0, done.Errors);
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
        GC.SuppressFinalize(this);
    }

    private async Task Prepare()
    {
        ServerAccount.Share(Folder);
        if (Environment.IsPrivilegedProcess)
        {
            // The socket and the pid file stand beside the data.
            var owner = await Command.Run("chown", [Account, Folder]);
            Assert.True(owner.ExitCode == 0, owner.Errors);
        }
    }

    private Task<Command> Client(string sql, string database = "") => Command.Run(
        "mariadb", ["--no-defaults", "--user=root", $"--socket={Socket}", "--batch", "--skip-column-names", $"--execute={sql}", database]);
}
