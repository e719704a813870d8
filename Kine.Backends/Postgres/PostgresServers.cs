using System.Data.Common;
using System.Diagnostics;
using System.Net;
using System.Net.Security;
using Kine.Backends.Identity;
using Kine.Backends.Sql;
using Kine.Backends.Tls;
using Npgsql;

namespace Kine.Backends.Postgres;

/// <summary>
/// Connections to whichever of the hosts is the one to use. All of a host's connections come from one pool; when one is lost, all idle ones
/// are dropped, since the server behind them has most likely gone or changed its role.
/// </summary>
/// <remarks>
/// A pooler in transaction mode (PgBouncer) may give every transaction another session: nothing here relies on session state. Prepared
/// statements would; they are used only where the server's own process id is the one that the connection was told at its start, which
/// a pooler makes up.
/// </remarks>
internal sealed class PostgresServers : ISqlServer
{
    private const string OnlyAsync = "connections are opened asynchronously";
    private const int MaxPrepared = 32;
    private const int BufferBytes = 32 << 10;
    private static readonly TimeSpan FirstWait = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestWait = TimeSpan.FromMilliseconds(300);
    private readonly Lock _lock = new();
    private NpgsqlDataSource[] _pools;
    private bool _prepare;
    private int _current;
    private int _generation;

    /// <summary>Connects to nothing yet.</summary>
    public PostgresServers(PostgresOptions options)
    {
        Options = options;
        _prepare = options.Prepare ?? true;
        _pools = CreatePools();
    }

    /// <summary>Settings of the store.</summary>
    public PostgresOptions Options { get; }

    public string Description => Options.Description;

    public IReadOnlyList<DnsEndPoint> Servers => [.. Options.Hosts.Where(static host => !host.IsSocket).Select(static host => new DnsEndPoint(host.Name, host.Port))];

    public bool CancelsQueries => true;

    public int Generation => Volatile.Read(ref _generation);

    /// <summary>
    /// A connection to the server to use. Tries all hosts again and again for that long; then, or at once where waiting cannot help, throws
    /// <see cref="StoreUnavailableException"/> with the last host's error inside.
    /// </summary>
    public async Task<NpgsqlConnection> Connect(TimeSpan patience, CancellationToken cancellationToken)
    {
        var start = Stopwatch.GetTimestamp();
        for (var wait = FirstWait; ; wait = wait * 2 < LongestWait ? wait * 2 : LongestWait)
        {
            var failures = new List<(PostgresHost Host, Exception Error)>();
            var first = Volatile.Read(ref _current);
            for (var i = 0; i < Options.Hosts.Count; i++)
            {
                var host = (first + i) % Options.Hosts.Count;
                try
                {
                    var connection = await OpenOn(host, cancellationToken).ConfigureAwait(false);
                    Volatile.Write(ref _current, host);
                    return connection;
                }
                catch (Exception error) when (error is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
                {
                    failures.Add((Options.Hosts[host], error));
                }
            }
            if (Stopwatch.GetElapsedTime(start) + wait > patience || !failures.Exists(failure => PostgresError.MayPass(failure.Error)))
            {
                var reasons = string.Join("; ", failures.Select(failure => $"{failure.Host}: {PostgresError.Text(failure.Error)}"));
                var telling = failures.Find(failure => failure.Error is PostgresException).Error ?? failures[^1].Error;
                throw new StoreUnavailableException($"no connection to database {Options.Connection.Database} at {reasons}", telling);
            }
            await Task.Delay(wait, cancellationToken).ConfigureAwait(false);
        }
    }

    async Task<DbConnection> ISqlServer.Connect(TimeSpan patience, CancellationToken cancellationToken) =>
        await Connect(patience, cancellationToken).ConfigureAwait(false);

    /// <summary>Connects for appends. Throws <see cref="StoreUnavailableException"/> after that long.</summary>
    public async Task<Connection> ConnectToWrite(TimeSpan patience)
    {
        var generation = Generation;
        return new Connection(await Connect(patience, CancellationToken.None).ConfigureAwait(false), generation);
    }

    public SqlFailure Classify(Exception error) => PostgresError.Classify(error);

    public string Text(Exception error) => PostgresError.Text(error);

    public void Lost()
    {
        Interlocked.Increment(ref _generation);
        foreach (var pool in Volatile.Read(ref _pools))
            pool.Clear();
    }

    private async Task<NpgsqlConnection> OpenOn(int host, CancellationToken cancellationToken)
    {
        for (var renewed = false; ;)
        {
            var pool = Volatile.Read(ref _pools)[host];
            try
            {
                return await pool.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (PoolerFoundException)
            {
                StopPreparing();
            }
            catch (NpgsqlException error) when (Options.Kerberos is not null && PostgresError.IsKerberos(error))
            {
                // The server's key, or our own, may be a new one.
                if (renewed || !Options.Kerberos.Renew())
                    throw await Explained(error, Options.Kerberos, Options.Hosts[host]).ConfigureAwait(false);

                renewed = true;
            }
            catch (ObjectDisposedException) when (pool != Volatile.Read(ref _pools)[host])
            {
                // Somebody else found the pooler meanwhile.
            }
        }
    }

    // Npgsql knows no more than that GSSAPI failed. Asking the KDC blocks.
    private async Task<NpgsqlException> Explained(NpgsqlException error, KerberosLogin kerberos, PostgresHost host)
    {
        var reason = await Task.Run(() => kerberos.Explain(host.Name, Options.Connection.KerberosServiceName)).ConfigureAwait(false);
        return reason is null ? error : new NpgsqlException($"{PostgresError.Text(error)}: Kerberos as {kerberos}: {reason}");
    }

    private void StopPreparing()
    {
        NpgsqlDataSource[] old;
        lock (_lock)
        {
            if (!_prepare)
                return;

            _prepare = false;
            old = _pools;
            Volatile.Write(ref _pools, CreatePools());
        }
        foreach (var pool in old)
            pool.Dispose();
    }

    private NpgsqlDataSource[] CreatePools() => [.. Options.Hosts.Select(CreatePool)];

    private NpgsqlDataSource CreatePool(PostgresHost host) => CreateSource(host, ConnectionString(host, _prepare), _prepare);

    private NpgsqlDataSource CreateSource(PostgresHost host, NpgsqlConnectionStringBuilder settings, bool prepare)
    {
        var builder = new NpgsqlDataSourceBuilder(settings.ConnectionString);
        builder.UsePhysicalConnectionInitializer(
            static _ => throw new NotSupportedException(OnlyAsync), connection => Initialize(connection, prepare));
        if (Options.PasswordProvider is { } provider)
        {
            // Npgsql's own time limit does not cover it.
            builder.UsePasswordProvider(
                static _ => throw new NotSupportedException(OnlyAsync),
                (_, cancellation) => new(PasswordRequest.Ask(given => provider(host, given), Options.ConnectTimeout, host.ToString(), cancellation)));
        }
        if (Options.Connection.SslMode is SslMode.VerifyCA or SslMode.VerifyFull && !host.IsSocket)
            builder.UseSslClientAuthenticationOptionsCallback(client => Verify(client, host));

        // All types used are built in, with fixed numbers.
        builder.ConfigureTypeLoading(static loading => loading.EnableTypeLoading(false));
        return builder.Build();
    }

    // Npgsql's own check refuses an authority that is no root. The file is read for each connection, so that a renewed one counts.
    private void Verify(SslClientAuthenticationOptions client, PostgresHost host)
    {
        var trust = Options.Connection.RootCertificate is { } file
            ? CertificateTrust.Read(file, CertificateTrust.ServerUsage)
            : new CertificateTrust(null, CertificateTrust.ServerUsage);
        client.CertificateChainPolicy = CertificateTrust.NoPathOfItsOwn;
        client.RemoteCertificateValidationCallback = trust.Check(Options.Connection.SslMode == SslMode.VerifyFull ? host.Name : null);
    }

    // First round trip of each new physical connection.
    private async Task Initialize(NpgsqlConnection connection, bool prepare)
    {
        bool direct;
        using (var command = new NpgsqlCommand(
            "SELECT pg_is_in_recovery(), current_setting('default_transaction_read_only'), pg_backend_pid()", connection))
        {
            var reader = await command.ExecuteReaderAsync().ConfigureAwait(false);
            await using var _ = reader.ConfigureAwait(false);
            await reader.ReadAsync().ConfigureAwait(false);
            if (Options.Target != TargetSessionAttributes.Any && reader.GetBoolean(0))
                throw new WrongServerException("is a standby");

            if (Options.Target == TargetSessionAttributes.ReadWrite && reader.GetString(1) != "off")
                throw new WrongServerException("is read-only (default_transaction_read_only)");

            direct = reader.GetInt32(2) == connection.ProcessID;
        }
        if (!direct)
        {
            if (prepare && Options.Prepare is null)
                throw new PoolerFoundException();

            return;
        }
        // A client that vanished without a word must not keep its locks for hours.
        using var settings = new NpgsqlCommand(
            """
            SELECT set_config('lock_timeout', '5s', false), set_config('tcp_keepalives_idle', '10', false),
                set_config('tcp_keepalives_interval', '5', false), set_config('tcp_keepalives_count', '3', false)
            """,
            connection);
        await settings.ExecuteNonQueryAsync().ConfigureAwait(false);
    }

    /// <summary>A single connection to another database of the server in use, outside of the pools.</summary>
    public async Task<NpgsqlConnection> ConnectOnce(PostgresHost host, string database, CancellationToken cancellationToken)
    {
        var settings = ConnectionString(host, prepare: false);
        (settings.Database, settings.Pooling) = (database, false);
        var source = CreateSource(host, settings, prepare: false);
        await using var _ = source.ConfigureAwait(false);
        return await source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
    }

    private NpgsqlConnectionStringBuilder ConnectionString(PostgresHost host, bool prepare) => new(Options.Connection.ConnectionString)
    {
        Host = host.Name,
        Port = host.Port,
        Password = Options.PasswordProvider is null ? Options.Connection.Password : null,
        CommandTimeout = 20,
        CancellationTimeout = 1000,
        NoResetOnClose = true,
        MaxAutoPrepare = prepare ? MaxPrepared : 0,
        AutoPrepareMinUsages = 2,
        Enlist = false,
        SslMode = host.IsSocket ? SslMode.Disable
            : Options.Connection.SslMode is SslMode.VerifyCA or SslMode.VerifyFull ? SslMode.Require
            : Options.Connection.SslMode,
        SslNegotiation = host.IsSocket ? SslNegotiation.Postgres : Options.Connection.SslNegotiation,
        RootCertificate = null, // see Verify
        TcpKeepAlive = !host.IsSocket,
        TcpKeepAliveTime = host.IsSocket ? 0 : 10,
        TcpKeepAliveInterval = host.IsSocket ? 0 : 5,
        ReadBufferSize = BufferBytes,
        WriteBufferSize = BufferBytes,
    };

    public async ValueTask DisposeAsync()
    {
        foreach (var pool in Volatile.Read(ref _pools))
            await pool.DisposeAsync().ConfigureAwait(false);
    }
}
