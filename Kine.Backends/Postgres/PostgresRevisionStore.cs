using Kine.Backends.Sql;
using Microsoft.Extensions.Logging;

namespace Kine.Backends.Postgres;

/// <summary>The log in a PostgreSQL database (12 and newer). Works through a connection pooler in transaction mode.</summary>
public sealed class PostgresRevisionStore : SqlRevisionStore
{
    private const int Writers = 2; // connections of the limit: one appends, one renews
    private readonly PostgresServers _servers;
    private readonly LogReader _reader;

    /// <summary>Connects to nothing yet.</summary>
    public PostgresRevisionStore(PostgresOptions options)
        : this(
            new PostgresServers(options),
            new SlowStatements(options.Logging.CreateLogger<PostgresRevisionStore>(), options.SlowSqlThreshold, options.SlowSqlWarningThreshold))
    {
    }

    private PostgresRevisionStore(PostgresServers servers, SlowStatements slow)
        : this(servers, new LogReader(new Queries(servers, servers.Options.Connection.MaxPoolSize - Writers, slow)), slow)
    {
    }

    private PostgresRevisionStore(PostgresServers servers, LogReader reader, SlowStatements slow)
        : base(servers, reader, new LogWriter(servers, slow)) => (_servers, _reader) = (servers, reader);

    public override async Task Open(CancellationToken cancellationToken) =>
        Warnings = await new DatabaseSetup(_servers).Run(cancellationToken).ConfigureAwait(false);

    private protected override Task GiveSpaceBack(CancellationToken cancellationToken) => _reader.Vacuum(cancellationToken);
}
