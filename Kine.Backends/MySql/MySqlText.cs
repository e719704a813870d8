using MySqlConnector;

namespace Kine.Backends.MySql;

/// <summary>Runs SQL text whose only values are numbers, and reads its rows.</summary>
internal static class MySqlText
{
    /// <summary>Runs the statements in order; the first that fails ends them.</summary>
    /// <param name="connection">Where.</param>
    /// <param name="sql">SQL, semicolons in between.</param>
    /// <param name="visit">Called with each row of all queries.</param>
    /// <param name="limit">How long an answer may take; null = as the endpoint says.</param>
    public static async Task Run(this MySqlConnection connection, string sql, Action<MySqlDataReader>? visit = null, TimeSpan? limit = null)
    {
        var command = new MySqlCommand(sql, connection);
        await using (command.ConfigureAwait(false))
        {
            if (limit is { } time)
                command.CommandTimeout = (int)time.TotalSeconds;

            await command.ReadAll(visit).ConfigureAwait(false);
        }
    }

    /// <summary>Runs the command and visits the rows of all its queries.</summary>
    /// <param name="command">What to run.</param>
    /// <param name="visit">Called with each row.</param>
    /// <param name="answered">Called after the last row of each query.</param>
    public static async Task ReadAll(this MySqlCommand command, Action<MySqlDataReader>? visit, Action? answered = null)
    {
        var reader = await command.ExecuteReaderAsync(CancellationToken.None).ConfigureAwait(false);
        await using (reader.ConfigureAwait(false))
        {
            do
            {
                if (reader.FieldCount == 0)
                    continue;

                while (await reader.ReadAsync(CancellationToken.None).ConfigureAwait(false))
                    visit?.Invoke(reader);

                answered?.Invoke();
            }
            while (await reader.NextResultAsync(CancellationToken.None).ConfigureAwait(false));
        }
    }
}
