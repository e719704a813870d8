using System.Runtime.CompilerServices;
using Kine.Backends.Endpoints;
using Kine.Backends.Memory;
using Kine.Backends.MySql;
using Kine.Backends.Nats;
using Kine.Backends.Postgres;
using Kine.Backends.Sqlite;

namespace Kine.Backends.Stores;

/// <summary>
/// What <c>--endpoint</c> names, in upstream kine's forms: <c>sqlite://path?parameters</c>, <c>litestream://path</c>, <c>postgres://...</c>,
/// <c>mysql://...</c>, <c>nats://...</c>, <c>memory://</c>; nothing at all is <c>sqlite://./db/state.db</c>.
/// </summary>
public sealed class StoreEndpoint
{
    private readonly object? _options;
    private readonly Func<IRevisionStore> _create;

    private StoreEndpoint(string scheme, object? options, Func<IRevisionStore> create) =>
        (Scheme, _options, _create) = (scheme, options, create);

    /// <summary>Kind of store: sqlite, postgres, mysql, nats or memory.</summary>
    public string Scheme { get; }

    /// <summary>Settings of the SQLite store; null for another kind.</summary>
    public SqliteOptions? Sqlite => _options as SqliteOptions;

    /// <summary>Settings of the MySQL store; null for another kind.</summary>
    public MySqlOptions? MySql => _options as MySqlOptions;

    /// <summary>Settings of the PostgreSQL store; null for another kind.</summary>
    public PostgresOptions? Postgres => _options as PostgresOptions;

    /// <summary>Settings of the NATS store; null for another kind.</summary>
    public NatsOptions? Nats => _options as NatsOptions;

    /// <summary>Reads an endpoint; touches no file but a NATS context it names, and no network. Throws <see cref="StoreRefusedException"/> with a sentence for people.</summary>
    public static StoreEndpoint Parse(string endpoint, StoreSettings? settings = null)
    {
        settings ??= new StoreSettings(); // for the stores on other servers
        if (endpoint.Length == 0)
            endpoint = "sqlite://";

        var separator = endpoint.IndexOf("://", StringComparison.Ordinal);
        if (separator < 0)
            throw new StoreRefusedException("the endpoint is not of the form scheme://address, such as sqlite://./db/state.db");

        var scheme = endpoint[..separator];
        var rest = endpoint[(separator + 3)..];
        return scheme switch
        {
            "sqlite" or "litestream" => OfSqlite(SqliteEndpoint.Parse(rest, scheme == "litestream")),
            "memory" => new StoreEndpoint("memory", null, static () => new MemoryRevisionStore()),
            "postgres" or "postgresql" => OfPostgres(rest, settings),
            "mysql" => OfMySql(rest, settings),
            "nats" or "jetstream" => OfNats(rest, settings),
            "http" or "https" or "unix" or "unixs" => throw new StoreRefusedException(
                $"endpoint {scheme}://... names an etcd server, not a store; let the clients connect to that server themselves"),
            // A longer one is no scheme, but may be a user with a password.
            _ when !scheme.All(char.IsAsciiLetter) => throw new StoreRefusedException("the endpoint does not begin with a scheme, such as sqlite://./db/state.db"),
            _ => throw new StoreRefusedException($"endpoint scheme \"{scheme}\" is unknown; there are sqlite, postgres, mysql, nats and memory"),
        };
    }

    /// <summary>A new store for this endpoint, not yet open.</summary>
    public IRevisionStore Create() => _create();

    // A method each, so that a store's client library is loaded where it is used alone.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static StoreEndpoint OfSqlite(SqliteOptions options) => new("sqlite", options, () => new SqliteRevisionStore(options));

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static StoreEndpoint OfPostgres(string address, StoreSettings settings)
    {
        var options = PostgresEndpoint.Parse(address, settings);
        return new StoreEndpoint("postgres", options, () => new PostgresRevisionStore(options));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static StoreEndpoint OfMySql(string address, StoreSettings settings)
    {
        var options = MySqlEndpoint.Parse(address, settings);
        return new StoreEndpoint("mysql", options, () => new MySqlRevisionStore(options));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static StoreEndpoint OfNats(string address, StoreSettings settings)
    {
        var options = NatsEndpoint.Parse(address, settings);
        return new StoreEndpoint("nats", options, () => new NatsRevisionStore(options, settings.Logging));
    }
}
