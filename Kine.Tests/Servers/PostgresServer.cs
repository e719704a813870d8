using Npgsql;

namespace Kine.Tests.Servers;

/// <summary>A PostgreSQL server of its own, from Debian's package. It waits for no disk unless settings say so.</summary>
public class PostgresServer : DatabaseServer
{
    public const string User = "postgres";
    public const string Password = "s3cret%pass";

    private const int SigKill = 9;
    private const int SigStop = 19;
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);
    private readonly TempFolder _folder = new();
    private readonly List<string> _settings = ["fsync=off", "full_page_writes=off"];
    private RunningProcess? _process;
    private int _databases;

    public override string Name => "PostgreSQL";

    public override int Port { get; } = FreePort.Next();

    /// <summary>What the server and its tools printed.</summary>
    public string Log => _process?.Output ?? "";

    public string DataFolder => _folder["data"];

    /// <summary>Where the server's programs are.</summary>
    public static string Program(string name)
        => Directory.GetDirectories("/usr/lib/postgresql").OrderDescending().Select(version => Path.Combine(version, "bin", name)).First(File.Exists);

    /// <summary>Adds a line of configuration, <c>name=value</c>, from the next start on; a later one counts.</summary>
    public void Set(string setting) => _settings.Add(setting);

    public override string NewEndpoint(int port = 0) => Endpoint($"test_{Interlocked.Increment(ref _databases)}", port);

    public string Endpoint(string database, int port = 0)
        => $"postgres://{User}:{Uri.EscapeDataString(Password)}@127.0.0.1:{(port == 0 ? Port : port)}/{database}";

    /// <summary>A connection beside kine's, to the database of an endpoint.</summary>
    public async Task<NpgsqlConnection> Connect(string database)
    {
        var connection = new NpgsqlConnection(
            $"Host=127.0.0.1;Port={Port};Username={User};Password={Password};Database={database};Pooling=false;SSL Mode=Disable");
        await connection.OpenAsync();
        return connection;
    }

    public async Task<object?> Query(string database, string statement)
    {
        await using var connection = await Connect(database);
        await using var command = new NpgsqlCommand(statement, connection);
        return await command.ExecuteScalarAsync();
    }

    public override async Task Start()
    {
        if (!Directory.Exists(DataFolder))
            await Initialize();

        _process?.Dispose();
        var settings = _settings.Prepend("unix_socket_directories=").SelectMany(setting => new[] { "-c", setting });
        _process = ServerAccount.Start(Program("postgres"), ["-D", DataFolder, "-p", $"{Port}", "-h", "127.0.0.1", .. settings]);
        var deadline = DateTime.UtcNow + StartLimit;
        while (true)
        {
            if (_process.HasExited)
                throw new InvalidOperationException($"PostgreSQL ended with {_process.ExitCode} at its start:\n{_process.Output}");

            try
            {
                await (await Connect("postgres")).DisposeAsync();
                return;
            }
            catch (NpgsqlException notYet)
            {
                if (DateTime.UtcNow > deadline)
                    throw new TimeoutException($"PostgreSQL gave no answer within {StartLimit}: {notYet.Message}\n{_process.Output}");

                await Task.Delay(20);
            }
        }
    }

    /// <summary>Makes the data folder before the first start.</summary>
    protected virtual async Task Initialize()
    {
        ServerAccount.Own(_folder.FullName);
        var secret = _folder["password"];
        await File.WriteAllTextAsync(secret, Password);
        ServerAccount.Own(secret);
        await ServerAccount.Run(
            Program("initdb"), ["-D", DataFolder, "-U", User, "-A", "scram-sha-256", "--pwfile", secret, "-E", "UTF8", "--locale=C", "--no-sync"]);
        // For replicas.
        await File.AppendAllTextAsync(Path.Combine(DataFolder, "pg_hba.conf"), "host replication all 127.0.0.1/32 scram-sha-256\n");
    }

    /// <summary>Stops it as an operator would (fast shutdown).</summary>
    public async Task Stop()
    {
        const int SigInt = 2;
        _process!.Signal(SigInt);
        if (!await _process.Exited(StartLimit))
            throw new TimeoutException($"PostgreSQL did not stop:\n{_process.Output}");
    }

    public override async Task Kill()
    {
        if (_process is not { HasExited: false } server)
            return;
        // Stopped first, it starts no more children.
        server.Signal(SigStop);
        var children = server.Children;
        foreach (var child in children)
            RunningProcess.Signal(child, SigKill);

        await server.Kill();
        while (children.Any(child => Directory.Exists($"/proc/{child}")))
            await Task.Delay(5);
    }

    public override async ValueTask DisposeAsync()
    {
        await Kill();
        _process?.Dispose();
        _folder.Dispose();
        GC.SuppressFinalize(this);
    }
}
