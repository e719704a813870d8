using System.Data.Common;
using Kine.Backends.Sql;
using Npgsql;

namespace Kine.Backends.Postgres;

/// <summary>The queries in PostgreSQL's words. Lengths are in a row, or in its pointer to a value stored apart, which is not read.</summary>
internal sealed class LogReader(Queries queries) : SqlLogReader(queries, "kine_log log", "octet_length(log.value)", "log.id = ANY($1)")
{
    private const long MostRewritten = 64 << 20; // bytes alive, which takes a second or two
    private const long LeastGain = 1 << 20;

    // A crash may undo it, and nobody would miss it: it waits for no disk.
    private const string DeleteQuery =
        $"""
        WITH gone AS (DELETE FROM kine_log WHERE id = ANY($1)
            AND (SELECT set_config('synchronous_commit', 'off', true) || set_config('lock_timeout', '5s', true)) IS NOT NULL
            RETURNING octet_length(key) + octet_length(value) + $2 AS bytes)
        UPDATE kine_freed SET bytes = bytes + (SELECT coalesce(sum(gone.bytes), 0) FROM gone)
        """;

    protected override string BytesInUseQuery => "SELECT (SELECT bytes FROM kine_fence) - (SELECT bytes FROM kine_freed) + pg_relation_size('kine_side')";

    protected override string RemovedBytesQuery => "SELECT bytes FROM kine_freed";

    protected override string BytesOnDiskQuery =>
        "SELECT pg_total_relation_size('kine_log') + pg_total_relation_size('kine_side') + pg_total_relation_size('kine_fence')";

    protected override string AddDocumentStatement => $"INSERT INTO kine_side(kind, key, value) VALUES({(int)SideKind.Document}, $1, $2) ON CONFLICT DO NOTHING";

    protected override string ReplaceDocumentStatement =>
        $"UPDATE kine_side SET value = $2 WHERE kind = {(int)SideKind.Document} AND key = $1 AND substring(value FROM 1 FOR 8) = $3";

    protected override string UpstreamTableQuery =>
        """
        SELECT (count(*) = 8)::integer FROM pg_attribute WHERE attrelid = to_regclass('kine') AND NOT attisdropped
            AND attname IN ('id', 'name', 'created', 'deleted', 'create_revision', 'prev_revision', 'lease', 'value')
        """;

    // Columns differ in width between releases. A name's bytes are as the client gave them: the database's encoding was never converted from.
    protected override string UpstreamRowsQuery =>
        """
        SELECT id::bigint, convert_to(name, getdatabaseencoding()), created::bigint, deleted::bigint, create_revision::bigint, prev_revision::bigint,
            lease::bigint, value
        FROM kine WHERE id > $1 ORDER BY id LIMIT $2
        """;

    protected override DbCommand Command(DbConnection connection, string query, object[] values)
    {
        var command = new NpgsqlCommand(query, (NpgsqlConnection)connection);
        foreach (var value in values)
            command.Parameters.Add(new NpgsqlParameter { Value = value });

        return command;
    }

    protected override Fence FenceOf(DbDataReader row) => FenceRow.Read(row);

    public override Task Delete(ReadOnlyMemory<long> keys, CancellationToken cancellationToken) => Queries.Run("a deletion", async (connection, given) =>
    {
        using var command = Command(connection, DeleteQuery, [keys.ToArray(), PostgresSchema.BytesPerRecord]);
        await command.ExecuteNonQueryAsync(given).ConfigureAwait(false);
    }, cancellationToken);

    // Marks free space as such and cuts it off where it is at a table's end. A rewrite gives all of it back, but holds up writes for its whole time: it is done where
    // that is short, and given up where others are in its way.
    public override async Task GiveSpaceBack(CancellationToken cancellationToken)
    {
        foreach (var table in PostgresSchema.Tables)
        {
            await Queries.Run(
                "a vacuum", (connection, given) => Execute(connection, $"VACUUM {table}", given), cancellationToken).ConfigureAwait(false);
        }

        var used = await BytesInUse(cancellationToken).ConfigureAwait(false);
        if (used <= MostRewritten && await BytesOnDisk(cancellationToken).ConfigureAwait(false) > (used * 2) + LeastGain)
            await Queries.Run("a rewrite", Rewrite, cancellationToken).ConfigureAwait(false);
    }

    private async Task Rewrite(DbConnection connection, CancellationToken cancellationToken)
    {
        await Execute(connection, "SET lock_timeout = '500ms'", cancellationToken).ConfigureAwait(false);
        try
        {
            await Execute(connection, "VACUUM FULL kine_log", cancellationToken).ConfigureAwait(false);
        }
        catch (PostgresException error) when (error.SqlState == PostgresErrorCodes.LockNotAvailable)
        {
        }
        finally
        {
            await Execute(connection, "SET lock_timeout = '5s'", cancellationToken).ConfigureAwait(false); // as every connection has it
        }
    }

    private async Task Execute(DbConnection connection, string statement, CancellationToken cancellationToken)
    {
        using var command = Command(connection, statement, []);
        command.CommandTimeout = 0;
        await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }
}
