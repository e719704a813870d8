using Kine.Backends.Sql;
using Microsoft.Extensions.Logging;
using MySqlConnector;

namespace Kine.Backends.MySql;

/// <summary>The log in a MySQL or MariaDB database: one connection that writes, a few that read.</summary>
public sealed class MySqlRevisionStore : SqlRevisionStore
{
    private readonly MySqlServer _server;

    /// <summary>Connects to nothing yet.</summary>
    public MySqlRevisionStore(MySqlOptions options)
        : this(new MySqlServer(options), new SlowStatements(options.Settings.Logging.CreateLogger<MySqlRevisionStore>(), options.Settings))
    {
    }

    private MySqlRevisionStore(MySqlServer server, SlowStatements slow)
        : base(server, new LogReader(server, new Queries(server, server.Options.Readers, slow)), new LogWriter(server, slow)) =>
        _server = server;

    public override async Task Open(CancellationToken cancellationToken)
    {
        try
        {
            var connection = await Connect().ConfigureAwait(false);
            await using var _ = connection.ConfigureAwait(false);
            await _server.Learn(connection).ConfigureAwait(false);
            if (_server.Traits.MaxPacket < ServerTraits.LeastPacket)
            {
                throw new StoreRefusedException(
                    $"{Description} has max_allowed_packet={_server.Traits.MaxPacket}; the server needs at least {ServerTraits.LeastPacket}");
            }

            await MySqlSchema.Upgrade(connection, Description).ConfigureAwait(false);
        }
        catch (Exception error) when (MySqlError.RefusesSession(error))
        {
            throw new StoreRefusedException($"{Description} does not take the connection of user {_server.Options.User}: {MySqlError.Text(error)}", error);
        }
        catch (Exception error) when (MySqlError.Classify(error) != SqlFailure.None)
        {
            throw _server.Unavailable(error);
        }
        Warnings = [.. _server.Traits.Warnings()];
    }

    private async Task<MySqlConnection> Connect()
    {
        try
        {
            return await _server.ConnectOnce().ConfigureAwait(false);
        }
        catch (MySqlException error) when (MySqlError.Code(error) is MySqlError.UnknownDatabase or MySqlError.NoRightOnDatabase)
        {
            await MySqlSchema.CreateDatabase(_server).ConfigureAwait(false);
            return await _server.ConnectOnce().ConfigureAwait(false);
        }
    }
}
