using System.Text;
using Kine.Backends.Identity;

namespace Kine.Backends.MySql;

/// <summary>Opens connections whose session settings are the store's, whatever the server's defaults are.</summary>
internal sealed class Connector(MySqlOptions options)
{
    private const int LockWait = 5; // seconds
    private ServerTraits? _traits;

    /// <summary>Settings of the store.</summary>
    public MySqlOptions Options => options;

    /// <summary>What the server is like; known once the store is open.</summary>
    public ServerTraits Traits => _traits ?? throw new InvalidOperationException("the store is not open");

    /// <summary>Connects outside of any database, to create it.</summary>
    public Connection OpenWithoutDatabase() => Connect(null, options.ReadTimeout);

    /// <summary>Connects for queries and changes that commit by themselves.</summary>
    /// <param name="readTimeout">How long one answer may take; null = as the options say.</param>
    public Connection Open(TimeSpan? readTimeout = null) => Prepared(Connect(options.Database, readTimeout ?? options.ReadTimeout), writes: false);

    /// <summary>Connects for appends: nothing is kept without a COMMIT.</summary>
    /// <param name="readTimeout">How long one answer may take.</param>
    public Connection OpenForWrites(TimeSpan readTimeout)
    {
        var connection = Prepared(Connect(options.Database, readTimeout), writes: true);
        try
        {
            FenceRow.CheckGuard(connection);
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>Learns what the server is like.</summary>
    public void Learn(Connection connection) => _traits = new ServerTraits(connection);

    private Connection Connect(string? database, TimeSpan readTimeout)
    {
        // On the session's own thread, and for no longer than connecting may take.
        var password = options.PasswordProvider is { } provider
            ? PasswordRequest.Ask(provider, options.ConnectTimeout, options.Place, CancellationToken.None).GetAwaiter().GetResult()
            : options.Password;
        return Connection.Open(options, database, password, readTimeout);
    }

    private Connection Prepared(Connection connection, bool writes)
    {
        try
        {
            connection.Run(Settings(writes));
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    private string Settings(bool writes)
    {
        var text = new StringBuilder("SET NAMES binary;SET SESSION ");
        foreach (var variable in options.SessionVariables)
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
}
