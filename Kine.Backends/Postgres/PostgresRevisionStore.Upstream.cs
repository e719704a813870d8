using Kine.Backends.Upstream;
using Npgsql;

namespace Kine.Backends.Postgres;

// Upstream kine's table, only ever read. Its columns differ in width between releases, and may be null.
public sealed partial class PostgresRevisionStore : IUpstreamTable
{
    private const string UpstreamExists =
        """
        SELECT count(*) = 8 FROM pg_attribute WHERE attrelid = to_regclass('kine') AND NOT attisdropped
            AND attname IN ('id', 'name', 'created', 'deleted', 'create_revision', 'prev_revision', 'lease', 'value')
        """;

    // A name's bytes as the client gave them: the database's encoding, whatever it is called, was never converted from.
    private const string UpstreamRows =
        """
        SELECT id::bigint, convert_to(name, getdatabaseencoding()), coalesce(created, 0)::integer, coalesce(deleted, 0)::integer,
            coalesce(create_revision, 0)::bigint, coalesce(prev_revision, 0)::bigint, coalesce(lease, 0)::bigint, coalesce(value, ''::bytea)
        FROM kine WHERE id > $1 ORDER BY id LIMIT $2
        """;

    /// <inheritdoc/>
    public Task<bool> HasUpstreamTable(CancellationToken cancellationToken) => _reader.Run("a look for upstream's table", async (connection, cancellation) =>
    {
        await using var command = new NpgsqlCommand(UpstreamExists, connection);
        return (bool)(await command.ExecuteScalarAsync(cancellation).ConfigureAwait(false))!;
    }, cancellationToken);

    /// <inheritdoc/>
    public Task<List<UpstreamRow>> ReadUpstreamRows(long afterId, int maxRows, CancellationToken cancellationToken) =>
        _reader.Run("a read of upstream's table", async (connection, cancellation) =>
        {
            await using var command = new NpgsqlCommand(UpstreamRows, connection);
            command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = afterId });
            command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = maxRows });
            await using var reader = await command.ExecuteReaderAsync(cancellation).ConfigureAwait(false);
            var rows = new List<UpstreamRow>();
            while (await reader.ReadAsync(cancellation).ConfigureAwait(false))
            {
                rows.Add(new UpstreamRow(
                    reader.GetInt64(0),
                    reader.GetFieldValue<byte[]>(1),
                    reader.GetInt32(2) != 0,
                    reader.GetInt32(3) != 0,
                    reader.GetInt64(4),
                    reader.GetInt64(5),
                    reader.GetInt64(6),
                    reader.GetFieldValue<byte[]>(7)));
            }
            return rows;
        }, cancellationToken);
}
