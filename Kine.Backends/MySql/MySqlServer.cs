using System.Diagnostics;
using System.Text;
using Kine.Backends.Identity;
using Kine.Backends.Sql;
using MySqlConnector;

namespace Kine.Backends.MySql;

/// <summary>Opens connections whose session settings are the store's, whatever the server's defaults are.</summary>
/// <remarks>
/// The client library answers a cancellation or a command's time limit by KILL QUERY on a connection of its own, which could meet a commit. So no command
/// is given a token. A read's time limit closes its connection instead (a cancellation time-out below 0 says so); writes have none, and are waited for outside.
/// </remarks>
internal sealed class MySqlServer : ISqlServer, IAsyncDisposable
{
    private const int LockWait = 5; // seconds
    private static readonly TimeSpan FirstWait = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan LongestWait = TimeSpan.FromMilliseconds(200);
    private readonly LoginGuard _guard;
    private readonly MySqlDataSource _source;
    private readonly IdleConnections _idle;
    private ServerTraits? _traits;
    private int _generation;

    static MySqlServer() => Ed25519Login.Install();

    /// <summary>Connects to nothing yet.</summary>
    public MySqlServer(MySqlOptions options)
    {
        Options = options;
        _guard = new LoginGuard(options);
        _source = Source(options.Database);
        _idle = new IdleConnections(options);
    }

    /// <summary>Settings of the store.</summary>
    public MySqlOptions Options { get; }

    /// <summary>What the server is like; known once the store is open.</summary>
    public ServerTraits Traits => _traits ?? throw new InvalidOperationException("the store is not open");

    /// <inheritdoc/>
    public string Description => Options.Place;

    /// <inheritdoc/>
    public int Generation => Volatile.Read(ref _generation);

    /// <inheritdoc/>
    public SqlFailure Classify(Exception error) => MySqlError.Classify(error);

    /// <inheritdoc/>
    public string Text(Exception error) => MySqlError.Text(error);

    /// <inheritdoc/>
    public void Lost() => Interlocked.Increment(ref _generation);

    /// <summary>Learns what the server is like.</summary>
    public async Task Learn(MySqlConnection connection) => _traits = await ServerTraits.Read(connection).ConfigureAwait(false);

    /// <summary>Gives a connection for queries and changes that commit by themselves. Throws <see cref="StoreUnavailableException"/> after that long.</summary>
    public Task<PooledConnection> Connect(TimeSpan patience, CancellationToken cancellationToken) => Patiently(Take, patience, cancellationToken);

    /// <summary>Connects for appends: nothing is kept without a COMMIT. Throws <see cref="StoreUnavailableException"/> after that long.</summary>
    public Task<Connection> ConnectToWrite(TimeSpan patience) => Patiently(OpenToWrite, patience, CancellationToken.None);

    /// <summary>Connects once for queries and changes that commit by themselves.</summary>
    public Task<MySqlConnection> ConnectOnce() => Open(_source, Settings(writes: false));

    /// <summary>Connects outside of any database, to create it.</summary>
    public async Task<MySqlConnection> ConnectWithoutDatabase()
    {
        var nowhere = Source("");
        await using (nowhere.ConfigureAwait(false))
        {
            return await Open(nowhere, null).ConfigureAwait(false);
        }
    }

    /// <summary>Takes back what <see cref="Connect"/> gave.</summary>
    public ValueTask GiveBack(PooledConnection connection) => _idle.GiveBack(connection, Generation);

    private async Task<PooledConnection> Take()
    {
        var generation = Generation;
        return await _idle.Take(generation).ConfigureAwait(false)
            ?? new PooledConnection(this, await ConnectOnce().ConfigureAwait(false), generation);
    }

    private async Task<T> Patiently<T>(Func<Task<T>> open, TimeSpan patience, CancellationToken cancellationToken)
    {
        var start = Stopwatch.GetTimestamp();
        for (var wait = FirstWait; ; wait = wait * 2 < LongestWait ? wait * 2 : LongestWait)
        {
            try
            {
                return await open().ConfigureAwait(false);
            }
            catch (Exception error) when (MySqlError.Classify(error) != SqlFailure.None)
            {
                if (!MySqlError.MayPass(error) || Stopwatch.GetElapsedTime(start) + wait > patience)
                {
                    throw new StoreUnavailableException($"{Description} is not available: {MySqlError.Text(error)}", error);
                }
            }
            await Task.Delay(wait, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task<Connection> OpenToWrite()
    {
        var generation = Generation;
        var connection = new Connection(await Open(_source, Settings(writes: true)).ConfigureAwait(false), generation, Traits.HasPeers);
        try
        {
            await FenceRow.CheckGuard(connection).ConfigureAwait(false);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private async Task<MySqlConnection> Open(MySqlDataSource source, string? settings)
    {
        var connection = source.CreateConnection();
        if (Options.PasswordProvider is { } provider)
        {
            var password = await PasswordRequest.Ask(provider, Options.ConnectTimeout, Options.Place, CancellationToken.None).ConfigureAwait(false);
            connection.ProvidePasswordCallback = _ => password;
        }

        var attempt = _guard.Begin();
        try
        {
            await connection.OpenAsync(CancellationToken.None).ConfigureAwait(false);
            if (settings is not null)
            {
                await connection.Run(settings).ConfigureAwait(false);
            }

            return connection;
        }
        catch (Exception error)
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            if (error is MySqlException { SqlState: null, InnerException: null } && attempt.Reason is { } reason)
            {
                throw new IOException(reason.Message, error);
            }

            throw;
        }
    }

    private MySqlDataSource Source(string database)
    {
        var options = Options;
        var socket = options.Socket.Length > 0;
        var text = new MySqlConnectionStringBuilder
        {
            ConnectionProtocol = socket ? MySqlConnectionProtocol.UnixSocket : MySqlConnectionProtocol.Sockets,
            Server = socket ? options.Socket : options.Host,
            Port = (uint)options.Port,
            UserID = options.User,
            Password = options.PasswordProvider is null ? options.Password : "",
            Database = database,
            SslMode = options.Tls switch
            {
                MySqlTls.Off => MySqlSslMode.None,
                MySqlTls.Preferred => MySqlSslMode.Preferred,
                _ => MySqlSslMode.Required,
            },
            AllowPublicKeyRetrieval = options.Tls is MySqlTls.Off or MySqlTls.Preferred,
            ApplicationName = "kine",
            ConnectionTimeout = Seconds(options.ConnectTimeout),
            DefaultCommandTimeout = Seconds(options.ReadTimeout),
            CancellationTimeout = -1,
            Keepalive = socket ? 0u : 10u,
            AutoEnlist = false,
            Pooling = false,
            AllowUserVariables = true,
            UseAffectedRows = true,
            TreatTinyAsBoolean = false,
            GuidFormat = MySqlGuidFormat.None,
        };
        var builder = new MySqlDataSourceBuilder(text.ConnectionString).UseLoggerFactory(_guard);
        var certificate = new ServerCertificate(options);
        if (options.Tls == MySqlTls.Verify)
        {
            builder.UseRemoteCertificateValidationCallback(certificate.Check);
        }

        if (options.CertFile.Length > 0 && options.Tls != MySqlTls.Off)
        {
            builder.UseClientCertificatesCallback(certificate.AddClient);
        }

        return builder.Build();
    }

    private static uint Seconds(TimeSpan time) => time <= TimeSpan.Zero ? 0 : (uint)Math.Ceiling(Math.Min(time.TotalSeconds, int.MaxValue / 1000));

    private string Settings(bool writes)
    {
        var text = new StringBuilder("SET SESSION ");
        foreach (var variable in Options.SessionVariables)
        {
            text.Append(variable).Append(',');
        }

        text.Append("sql_mode='STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION',innodb_lock_wait_timeout=").Append(LockWait).Append(",lock_wait_timeout=").Append(LockWait);
        // What one node of a Galera cluster has answered to, another one may not have applied yet.
        if (_traits is { IsGalera: true } && !writes)
        {
            text.Append(",wsrep_sync_wait=1");
        }
        // MySQL 8 and later would show the sizes of yesterday.
        text.Append("/*!80000 ,information_schema_stats_expiry=0 */");
        text.Append(",autocommit=").Append(writes ? '0' : '1').Append(";SET SESSION TRANSACTION ISOLATION LEVEL ");
        return text.Append(_traits is { NeedsRepeatableRead: true } ? "REPEATABLE READ" : "READ COMMITTED").ToString();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _idle.DisposeAsync().ConfigureAwait(false);
        await _source.DisposeAsync().ConfigureAwait(false);
    }
}
