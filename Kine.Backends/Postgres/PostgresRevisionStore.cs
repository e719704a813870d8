using Kine.Backends.Sql;
using Microsoft.Extensions.Logging;

namespace Kine.Backends.Postgres;

/// <summary>The log in a PostgreSQL database (12 and newer). Works through a connection pooler in transaction mode.</summary>
public sealed class PostgresRevisionStore : SqlRevisionStore
{
    private const int Writers = 2; // connections of the limit: one appends, one renews
    private readonly PostgresServers _servers;

    /// <summary>Connects to nothing yet.</summary>
    public PostgresRevisionStore(PostgresOptions options)
        : this(
            new PostgresServers(options),
            new SlowStatements(options.Settings.Logging.CreateLogger<PostgresRevisionStore>(), options.Settings))
    {
    }

    private PostgresRevisionStore(PostgresServers servers, SlowStatements slow)
        : base(
            servers,
            new LogReader(new Queries(servers, servers.Options.Connection.MaxPoolSize - Writers, slow)),
            new LogWriter(servers, slow)) => _servers = servers;

    public override async Task Open(CancellationToken cancellationToken) =>
        Warnings = await new DatabaseSetup(_servers).Run(cancellationToken).ConfigureAwait(false);
}
