using System.Globalization;
using MySqlConnector;

namespace Kine.Backends.MySql;

/// <summary>What the store has to know of the server's settings, as one connection showed them.</summary>
internal sealed class ServerTraits(Dictionary<string, string> variables)
{
    /// <summary>Smallest packet that takes a record of 1.5 MiB, which may be twice as long in a literal.</summary>
    public const long LeastPacket = 4 << 20;

    /// <summary>Asks the server.</summary>
    public static async Task<ServerTraits> Read(MySqlConnection connection)
    {
        var variables = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        await connection.Run(
            """
            SHOW VARIABLES WHERE Variable_name IN ('max_allowed_packet', 'innodb_flush_log_at_trx_commit', 'innodb_doublewrite', 'log_bin', 'sync_binlog',
                'binlog_format', 'wsrep_on', 'group_replication_group_name', 'debug_no_sync', 'innodb_flush_method')
            """,
            row => variables[row.GetString(0)] = row.GetString(1)).ConfigureAwait(false);
        return new ServerTraits(variables);
    }

    /// <summary>Bytes that a packet may have.</summary>
    public long MaxPacket => long.Parse(Value("max_allowed_packet"), CultureInfo.InvariantCulture);

    /// <summary>True on a node of a Galera cluster.</summary>
    public bool IsGalera => Value("wsrep_on") is "ON" or "1";

    /// <summary>True where other servers may take writes too, and roll a transaction of this one back between two of its statements.</summary>
    public bool HasPeers => IsGalera || Value("group_replication_group_name").Length > 0;

    /// <summary>True where InnoDB refuses writes under READ COMMITTED, because the binary log gets statements and not rows.</summary>
    public bool NeedsRepeatableRead => HasBinaryLog && Value("binlog_format").Equals("STATEMENT", StringComparison.OrdinalIgnoreCase);

    private bool HasBinaryLog => Value("log_bin") is "ON" or "1";

    /// <summary>A sentence for each setting that gives up what an acknowledged write promises.</summary>
    public IEnumerable<string> Warnings()
    {
        if (Value("innodb_flush_log_at_trx_commit") is { Length: > 0 } flush and not "1" and not "3")
            yield return $"innodb_flush_log_at_trx_commit={flush}: a loss of power can take acknowledged writes back";

        if (HasBinaryLog && Value("sync_binlog") != "1")
            yield return $"sync_binlog={Value("sync_binlog")} with a binary log: after a loss of power the log, and replicas that read it, can lack acknowledged writes";
        if (Value("innodb_doublewrite") is "OFF" or "0")
            yield return "innodb_doublewrite=OFF: a loss of power can leave torn pages, unless the file system writes pages whole";

        if (Value("debug_no_sync") is "ON" or "1" || Value("innodb_flush_method").Equals("nosync", StringComparison.OrdinalIgnoreCase))
            yield return "the server does not wait for its disk (debug_no_sync or innodb_flush_method=nosync): a loss of power can take acknowledged writes back";
    }

    private string Value(string name) => variables.GetValueOrDefault(name, "");
}
