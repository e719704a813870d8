using System.Data.Common;
using Kine.Backends.Sql;
using Npgsql;

namespace Kine.Backends.Postgres;

/// <summary>The fence row in SQL. Each change of it is one statement that locks the row, and decides on what it finds under the lock.</summary>
internal static class FenceRow
{
    /// <summary>
    /// A condition that is true and, evaluated before any row is looked at, bounds the wait for row locks and asks for a commit on disk (and on the
    /// synchronous standby, where there is one) for this transaction alone: with a pooler in between there is no session to set up.
    /// </summary>
    public const string Durably =
        """
        (SELECT set_config('lock_timeout', '5s', true) || set_config('synchronous_commit',
            CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, true)) IS NOT NULL
        """;

    /// <summary>Takes over epoch <c>$4</c> at counter <c>$5</c>.</summary>
    public const string TakeOver =
        $"""
        UPDATE kine_fence SET epoch = epoch + 1, holder = $1, address = $2, lease_ms = $3, counter = counter + 1
        WHERE one = 1 AND epoch = $4 AND counter = $5 AND {Durably} RETURNING {SqlLogReader.FenceColumns}
        """;

    /// <summary>Renews epoch <c>$1</c> of holder <c>$2</c>.</summary>
    public const string Renew =
        $"UPDATE kine_fence SET counter = counter + 1 WHERE one = 1 AND epoch = $1 AND holder = $2 AND {Durably} RETURNING {SqlLogReader.FenceColumns}";

    /// <summary>Releases epoch <c>$1</c> of holder <c>$2</c>.</summary>
    public const string Release =
        $"""
        UPDATE kine_fence SET holder = '00000000-0000-0000-0000-000000000000', address = '', counter = counter + 1
        WHERE one = 1 AND epoch = $1 AND holder = $2 AND {Durably} RETURNING {SqlLogReader.FenceColumns}
        """;

    /// <summary>Moves epoch <c>$3</c> of holder <c>$4</c> from revision <c>$5</c> to <c>$1</c>, with <c>$2</c> bytes more.</summary>
    public const string Append =
        $"""
        UPDATE kine_fence SET counter = counter + 1, last_revision = $1, bytes = bytes + $2
        WHERE one = 1 AND epoch = $3 AND holder = $4 AND last_revision = $5 AND {Durably} RETURNING one
        """;

    /// <summary>A row of <see cref="SqlLogReader.FenceColumns"/>.</summary>
    public static Fence Read(DbDataReader row) =>
        new(row.GetInt64(0), row.GetGuid(1), row.GetString(2), TimeSpan.FromMilliseconds(row.GetInt64(3)), row.GetInt64(4), row.GetInt64(5));

    /// <summary>Changes the row; null when it is another's now.</summary>
    public static async Task<Fence?> Change(NpgsqlCommand command)
    {
        var reader = await command.ExecuteReaderAsync().ConfigureAwait(false);
        await using var _ = reader.ConfigureAwait(false);
        var fence = await reader.ReadAsync().ConfigureAwait(false) ? Read(reader) : null;
        // The commit's errors come after the row.
        await reader.CloseAsync().ConfigureAwait(false);
        return fence;
    }
}
