using System.Data;
using System.Data.Common;
using System.Diagnostics;
using System.Net;
using System.Text;
using Kine.Backends.Identity;
using Kine.Backends.Sql;
using MySqlConnector;
using MySqlConnector.Authentication;

namespace Kine.Backends.MySql;

/// <summary>Opens connections whose session settings are the store's, whatever the server's defaults are.</summary>
/// <remarks>
/// The client library answers a cancellation or a command's time limit by KILL QUERY on a connection of its own, which could meet a commit. So no command
/// is given a token. A read's time limit closes its connection instead (a cancellation time-out below 0 says so); writes have none, and are waited for outside.
/// </remarks>
internal sealed class MySqlServer : ISqlServer
{
    private const int LockWait = 5; // seconds
    private static readonly TimeSpan FirstWait = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan LongestWait = TimeSpan.FromMilliseconds(200);
    private readonly LoginGuard _guard;
    private readonly MySqlDataSource _single;
    private readonly MySqlDataSource _writing;
    private MySqlDataSource _pool;
    private ServerTraits? _traits;
    private int _generation;

    static MySqlServer() => AuthenticationPlugins.Register(new Ed25519Login());

    /// <summary>Connects to nothing yet.</summary>
    public MySqlServer(MySqlOptions options)
    {
        Options = options;
        _guard = new LoginGuard(options);
        _single = Source(options.Database, () => Settings(writes: false));
        _writing = Source(options.Database, () => Settings(writes: true));
        _pool = Pool();
    }

    /// <summary>Settings of the store.</summary>
    public MySqlOptions Options { get; }

    /// <summary>What the server is like; known once the store is open.</summary>
    public ServerTraits Traits => _traits ?? throw new InvalidOperationException("the store is not open");

    public string Description => Options.Place;

    public IReadOnlyList<DnsEndPoint> Servers => Options.Socket.Length > 0 ? [] : [new DnsEndPoint(Options.Host, Options.Port)];

    public int Generation => Volatile.Read(ref _generation);

    public bool CancelsQueries => false;

    public SqlFailure Classify(Exception error) => MySqlError.Classify(error);

    public string Text(Exception error) => MySqlError.Text(error);

    /// <summary>What a caller is told whose work on the database failed.</summary>
    public StoreUnavailableException Unavailable(Exception error) => new($"{Description} is not available: {MySqlError.Text(error)}", error);

    // The library empties a data source's pool only at the end of the data source.
    public void Lost()
    {
        Interlocked.Increment(ref _generation);
        var old = Interlocked.Exchange(ref _pool, Pool());
        _ = Task.Run(() => old.DisposeAsync().AsTask());
    }

    /// <summary>Learns what the server is like.</summary>
    public async Task Learn(MySqlConnection connection) => _traits = await ServerTraits.Read(connection).ConfigureAwait(false);

    public async Task<DbConnection> Connect(TimeSpan patience, CancellationToken cancellationToken) =>
        await Patiently(Take, patience, cancellationToken).ConfigureAwait(false);

    /// <summary>Connects for appends: nothing is kept without a COMMIT. Throws <see cref="StoreUnavailableException"/> after that long.</summary>
    public Task<Connection> ConnectToWrite(TimeSpan patience) => Patiently(OpenToWrite, patience, CancellationToken.None);

    /// <summary>Connects once for queries and changes that commit by themselves.</summary>
    public Task<MySqlConnection> ConnectOnce() => Open(_single);

    /// <summary>Connects outside of any database, to create it.</summary>
    public async Task<MySqlConnection> ConnectWithoutDatabase()
    {
        var nowhere = Source("", null);
        await using var _ = nowhere.ConfigureAwait(false);
        return await Open(nowhere).ConfigureAwait(false);
    }

    private async Task<MySqlConnection> Take()
    {
        while (true)
        {
            var pool = Volatile.Read(ref _pool);
            try
            {
                return await Open(pool, pooled: true).ConfigureAwait(false);
            }
            catch (ObjectDisposedException) when (pool != Volatile.Read(ref _pool))
            {
                // Somebody else lost a connection meanwhile.
            }
        }
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
                    throw Unavailable(error);
            }
            await Task.Delay(wait, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task<Connection> OpenToWrite()
    {
        var generation = Generation;
        var connection = new Connection(await Open(_writing).ConfigureAwait(false), generation, Traits.HasPeers);
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

    private async Task<MySqlConnection> Open(MySqlDataSource source, bool pooled = false)
    {
        var connection = source.CreateConnection();
        if (Options.PasswordProvider is not null)
        {
            // The library takes an answer only on the spot, and a pool that has a connection needs none.
            var password = pooled ? null : await Password().ConfigureAwait(false);
            connection.ProvidePasswordCallback = _ => password ?? Password().GetAwaiter().GetResult();
        }

        var unreachable = _guard.Begin();
        try
        {
            await connection.OpenAsync(CancellationToken.None).ConfigureAwait(false);
            return connection;
        }
        catch (Exception error)
        {
            if (pooled && connection.State == ConnectionState.Open)
                Lost(); // the pool must not keep a session without the store's settings

            await connection.DisposeAsync().ConfigureAwait(false);
            if (error is MySqlException { InnerException: StoreUnavailableException none })
                throw new StoreUnavailableException(none.Message, none);

            if (error is MySqlException { SqlState: null, InnerException: null } && unreachable.Value is { } reason)
                throw new IOException(reason.Message, error);

            throw;
        }
    }

    private Task<string> Password() => PasswordRequest.Ask(Options.PasswordProvider!, Options.ConnectTimeout, Options.Place, CancellationToken.None);

    private MySqlDataSource Pool() => Source(Options.Database, () => Settings(writes: false), Options.KeepIdle);

    private MySqlDataSource Source(string database, Func<string>? settings, bool pooling = false)
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
            Pooling = pooling,
            MaximumPoolSize = (uint)options.Readers,
            ConnectionReset = false,
            ConnectionIdleTimeout = Seconds(options.Settings.ConnectionMaxIdleTime),
            ConnectionLifeTime = Seconds(options.Settings.ConnectionMaxLifetime),
            AllowUserVariables = true,
            UseAffectedRows = true,
            TreatTinyAsBoolean = false,
            GuidFormat = MySqlGuidFormat.None,
        };
        var builder = new MySqlDataSourceBuilder(text.ConnectionString).UseLoggerFactory(_guard);
        var certificate = new ServerCertificate(options);
        if (options.Tls == MySqlTls.Verify)
            builder.UseRemoteCertificateValidationCallback(certificate.Check);

        if (options.Settings.CertFile.Length > 0 && options.Tls != MySqlTls.Off)
            builder.UseClientCertificatesCallback(certificate.AddClient);

        if (settings is not null)
        {
            builder.UseConnectionOpenedCallback(async (opened, _) =>
            {
                if (opened.Conditions.HasFlag(MySqlConnectionOpenedConditions.New))
                    await opened.Connection.Run(settings()).ConfigureAwait(false);
            });
        }

        return builder.Build();
    }

    private static uint Seconds(TimeSpan time) => time <= TimeSpan.Zero ? 0 : (uint)Math.Ceiling(Math.Min(time.TotalSeconds, int.MaxValue / 1000));

    private string Settings(bool writes)
    {
        var text = new StringBuilder("SET SESSION ");
        foreach (var variable in Options.SessionVariables)
            text.Append(variable).Append(',');

        text.Append("sql_mode='STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION',innodb_lock_wait_timeout=").Append(LockWait).Append(",lock_wait_timeout=").Append(LockWait);
        // What one node of a Galera cluster has answered to, another one may not have applied yet.
        if (_traits is { IsGalera: true } && !writes)
            text.Append(",wsrep_sync_wait=1");
        // MySQL 8 and later would show the sizes of yesterday.
        text.Append("/*!80000 ,information_schema_stats_expiry=0 */");
        // Literals of bytes are read a byte at a time, and not looked through for characters of UTF-8.
        if (writes)
            text.Append(",character_set_client=binary");

        text.Append(",autocommit=").Append(writes ? '0' : '1').Append(";SET SESSION TRANSACTION ISOLATION LEVEL ");
        return text.Append(_traits is { NeedsRepeatableRead: true } ? "REPEATABLE READ" : "READ COMMITTED").ToString();
    }

    public async ValueTask DisposeAsync()
    {
        await _pool.DisposeAsync().ConfigureAwait(false);
        await _single.DisposeAsync().ConfigureAwait(false);
        await _writing.DisposeAsync().ConfigureAwait(false);
    }
}
