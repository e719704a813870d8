using Kine.Backends.Sql;
using Npgsql;

namespace Kine.Backends.Postgres;

/// <summary>Brings database and tables into being, by however many processes at once, and looks at what the server promises.</summary>
/// <param name="servers">Where connections come from.</param>
internal sealed class DatabaseSetup(PostgresServers servers)
{
    private const int OldestServer = 12;
    private const int CreateAttempts = 20;
    private static readonly TimeSpan CreateWait = TimeSpan.FromMilliseconds(250);
    private readonly PostgresOptions _options = servers.Options;

    /// <summary>Sets everything up; returns sentences about settings that give up what an acknowledged write promises. Throws <see cref="StoreRefusedException"/>.</summary>
    public async Task<List<string>> Run(CancellationToken cancellationToken)
    {
        _options.Kerberos?.Prepare();
        try
        {
            var connection = await ConnectOrCreate(cancellationToken).ConfigureAwait(false);
            await using var _ = connection.ConfigureAwait(false);
            if (connection.PostgreSqlVersion.Major < OldestServer)
                throw new StoreRefusedException($"{_options.Description} is PostgreSQL {connection.PostgreSqlVersion}; {OldestServer} is the oldest that works");

            await PostgresSchema.Upgrade(connection, _options.Connection.Database!, cancellationToken).ConfigureAwait(false);
            return await Warnings(connection, cancellationToken).ConfigureAwait(false);
        }
        catch (StoreUnavailableException error)
        {
            throw new StoreRefusedException(error.Message, error);
        }
        catch (Exception error) when (PostgresError.Classify(error) != SqlFailure.None)
        {
            throw new StoreRefusedException($"{_options.Description} could not be set up: {PostgresError.Text(error)}", error);
        }
    }

    private async Task<NpgsqlConnection> ConnectOrCreate(CancellationToken cancellationToken)
    {
        try
        {
            return await servers.Connect(_options.OpenTimeout, cancellationToken).ConfigureAwait(false);
        }
        catch (StoreUnavailableException error) when (PostgresError.IsUnknownDatabase(error.InnerException))
        {
            await Create(error, cancellationToken).ConfigureAwait(false);
            servers.Lost();
            return await servers.Connect(_options.OpenTimeout, cancellationToken).ConfigureAwait(false);
        }
    }

    // By way of the database that every server has. On a host that will not do (a standby), the next one is tried.
    private async Task Create(StoreUnavailableException missing, CancellationToken cancellationToken)
    {
        Exception? last = null;
        foreach (var host in _options.Hosts)
        {
            try
            {
                var connection = await servers.ConnectOnce(host, "postgres", cancellationToken).ConfigureAwait(false);
                await using var _ = connection.ConfigureAwait(false);
                await Create(connection, cancellationToken).ConfigureAwait(false);
                return;
            }
            catch (Exception error) when (PostgresError.Classify(error) != SqlFailure.None)
            {
                last = error;
            }
        }
        throw new StoreRefusedException(
            $"database {_options.Connection.Database} does not exist and could not be created: {PostgresError.Text(last ?? missing)}", last ?? missing);
    }

    private async Task Create(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var name = _options.Connection.Database!.Replace("\"", "\"\"", StringComparison.Ordinal);
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                using var create = new NpgsqlCommand($"CREATE DATABASE \"{name}\"", connection) { CommandTimeout = 0 };
                await create.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
                return;
            }
            catch (PostgresException error) when (error.SqlState is PostgresError.DuplicateDatabase or PostgresError.UniqueViolation)
            {
                return; // by another process at the same moment
            }
            catch (PostgresException error) when (error.SqlState == PostgresError.DatabaseInUse && attempt < CreateAttempts)
            {
                // Another process copies the template at this moment.
                await Task.Delay(CreateWait, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private async Task<List<string>> Warnings(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        using var command = new NpgsqlCommand(
            """
            SELECT current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_commit'),
                current_setting('synchronous_standby_names', true)
            """,
            connection);
        var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await using var _ = reader.ConfigureAwait(false);
        await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
        var warnings = new List<string>();
        if (reader.GetString(0) == "off")
            warnings.Add("the server runs with fsync=off: a loss of power can take acknowledged writes back, or damage the database");

        if (reader.GetString(1) == "off")
            warnings.Add("the server runs with full_page_writes=off: a loss of power can damage the database unless its file system writes whole pages");

        if (reader.GetString(2) is "off" or "local" or "remote_write")
            warnings.Add($"the server's default is synchronous_commit={reader.GetString(2)}; kine asks for synchronous_commit=on for what it acknowledges");

        if (_options is { PasswordProvider: not null, Connection.SslMode: SslMode.Require })
            warnings.Add("tokens of the identity provider go to a server whose certificate is not checked: use sslmode=verify-full, with its CA in --ca-file");

        if (_options.Hosts.Count > 1 && (reader.IsDBNull(3) || reader.GetString(3).Length == 0))
            warnings.Add("several hosts are named, but synchronous_standby_names is empty: a switch to another host can take acknowledged writes back");

        return warnings;
    }
}
