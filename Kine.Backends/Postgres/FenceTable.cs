using System.Data.Common;
using Npgsql;

namespace Kine.Backends.Postgres;

/// <summary>The fence row: read, taken over, renewed, released. Each change is one statement that locks the row, and decides on what it finds under the lock.</summary>
internal sealed class FenceTable(Writer writer, PostgresOptions options)
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

    private const string Columns = "epoch, holder, address, lease_ms, counter, last_revision";

    private const string TakeOverStatement =
        $"""
        UPDATE kine_fence SET epoch = epoch + 1, holder = $1, address = $2, lease_ms = $3, counter = counter + 1
        WHERE one = 1 AND epoch = $4 AND counter = $5 AND {Durably} RETURNING {Columns}
        """;

    private const string RenewStatement =
        $"UPDATE kine_fence SET counter = counter + 1 WHERE one = 1 AND epoch = $1 AND holder = $2 AND {Durably} RETURNING {Columns}";

    private const string ReleaseStatement =
        $"""
        UPDATE kine_fence SET holder = '00000000-0000-0000-0000-000000000000', address = '', counter = counter + 1
        WHERE one = 1 AND epoch = $1 AND holder = $2 AND {Durably} RETURNING {Columns}
        """;

    private const int TakeOverAttempts = 3;

    /// <summary>See <see cref="IRevisionStore.ReadFence"/>.</summary>
    public static async Task<Fence> Read(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand($"SELECT {Columns} FROM kine_fence WHERE one = 1", connection);
        return await ReadRow(command, cancellationToken).ConfigureAwait(false)
            ?? throw new StoreBrokenException("the row of table kine_fence is gone from the database");
    }

    /// <summary>
    /// See <see cref="IRevisionStore.TakeOver"/>. When an answer is lost, the same take-over is asked for again: it happens at most once, and the row
    /// tells by the holder whether it has.
    /// </summary>
    public async Task<Fence?> TakeOver(Fence seen, Guid holder, string address, TimeSpan leaseTime)
    {
        OutcomeUnknownException? lost = null;
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                var taken = await Change("a take-over", TakeOverStatement, command =>
                {
                    Add(command, holder);
                    Add(command, address);
                    Add(command, (long)leaseTime.TotalMilliseconds);
                    Add(command, seen.Epoch);
                    Add(command, seen.Counter);
                }).ConfigureAwait(false);
                if (taken is not null || lost is null)
                {
                    return taken;
                }
                // An earlier attempt may have landed. A renewal proves it, and that it is as durable as what comes after it.
                return await ChangeAs(RenewStatement, "a take-over", new FenceToken(seen.Epoch + 1, holder)).ConfigureAwait(false);
            }
            catch (OutcomeUnknownException error) when (attempt < TakeOverAttempts)
            {
                lost = error;
            }
            catch (StoreUnavailableException) when (lost is not null)
            {
                throw new OutcomeUnknownException(lost.Message, lost);
            }
        }
    }

    /// <summary>See <see cref="IRevisionStore.Renew"/>.</summary>
    public async Task Renew(FenceToken token)
    {
        if (await ChangeAs(RenewStatement, "a renewal", token).ConfigureAwait(false) is null)
        {
            throw Fenced("a renewal", token);
        }
    }

    /// <summary>See <see cref="IRevisionStore.Release"/>.</summary>
    public async Task Release(FenceToken token)
    {
        if (await ChangeAs(ReleaseStatement, "a release", token).ConfigureAwait(false) is null)
        {
            throw Fenced("a release", token);
        }
    }

    private Task<Fence?> ChangeAs(string statement, string what, FenceToken token) => Change(what, statement, command =>
    {
        Add(command, token.Epoch);
        Add(command, token.Holder);
    });

    private Task<Fence?> Change(string what, string statement, Action<NpgsqlCommand> bind) => writer.Run(what, options.AppendTimeout, async connection =>
    {
        await using var command = new NpgsqlCommand(statement, connection.Connection) { CommandTimeout = 0 };
        bind(command);
        connection.Committing();
        return await ReadRow(command, CancellationToken.None).ConfigureAwait(false);
    });

    private FencedException Fenced(string what, FenceToken token) =>
        new($"{options.Description} refused {what} of epoch {token.Epoch}: its fence has another epoch or holder");

    private static async Task<Fence?> ReadRow(NpgsqlCommand command, CancellationToken cancellationToken)
    {
        await using DbDataReader reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        if (!await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            return null;
        }

        var fence = new Fence(
            reader.GetInt64(0), reader.GetGuid(1), reader.GetString(2), TimeSpan.FromMilliseconds(reader.GetInt64(3)), reader.GetInt64(4), reader.GetInt64(5));
        // The commit's errors come after the row.
        await reader.CloseAsync().ConfigureAwait(false);
        return fence;
    }

    private static void Add<T>(NpgsqlCommand command, T value) => command.Parameters.Add(new NpgsqlParameter<T> { TypedValue = value });
}
