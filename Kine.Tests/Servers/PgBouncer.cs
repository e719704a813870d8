namespace Kine.Tests.Servers;

/// <summary>A real PgBouncer in transaction mode before a PostgreSQL of these tests, with so few server connections that clients must share them.</summary>
public sealed class PgBouncer : IAsyncDisposable
{
    private readonly TempFolder _folder = new();
    private readonly PostgresServer _server;
    private readonly int _poolSize;
    private RunningProcess? _process;

    private PgBouncer(PostgresServer server, int poolSize)
    {
        _server = server;
        _poolSize = poolSize;
    }

    public int Port { get; } = FreePort.Next();

    public static async Task<PgBouncer> StartNew(PostgresServer server, int poolSize)
    {
        var bouncer = new PgBouncer(server, poolSize);
        await bouncer.Start();
        return bouncer;
    }

    private async Task Start()
    {
        await File.WriteAllTextAsync(_folder["users"], $"\"{PostgresServer.User}\" \"{PostgresServer.Password}\"\n");
        await File.WriteAllTextAsync(_folder["ini"], $"""
            [databases]
            * = host=127.0.0.1 port={_server.Port}
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = {Port}
            unix_socket_dir =
            auth_type = plain
            auth_file = {_folder["users"]}
            pool_mode = transaction
            default_pool_size = {_poolSize}
            max_client_conn = 200
            server_login_retry = 1
            """);
        ServerAccount.Own(_folder.FullName);
        ServerAccount.Own(_folder["users"]);
        ServerAccount.Own(_folder["ini"]);
        _process = ServerAccount.Start("/usr/sbin/pgbouncer", [_folder["ini"]]);
        await _process.Printed("process up");
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            await _process.Kill();
            _process.Dispose();
        }
        _folder.Dispose();
    }
}
