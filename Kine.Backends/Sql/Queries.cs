using System.Data.Common;
using System.Diagnostics;

namespace Kine.Backends.Sql;

/// <summary>Short reads, each on any connection; one whose connection was lost is asked again on another.</summary>
/// <param name="server">Gives the connections and says what errors mean.</param>
/// <param name="most">How many may run at once.</param>
/// <param name="slow">Notes how long things took.</param>
internal sealed class Queries(ISqlServer server, int most, SlowStatements slow) : IDisposable
{
    private const int Attempts = 4;
    private static readonly TimeSpan ConnectPatience = TimeSpan.FromSeconds(1);
    private readonly SemaphoreSlim _slots = new(most, most);

    /// <summary>Runs what may safely run twice. Throws <see cref="StoreUnavailableException"/>.</summary>
    /// <param name="what">Name of it for messages.</param>
    /// <param name="query">Gets the connection, and the token where <see cref="ISqlServer.CancelsQueries"/>.</param>
    /// <param name="cancellationToken">Ends the wait for a connection.</param>
    public async Task Run(string what, Func<DbConnection, CancellationToken, Task> query, CancellationToken cancellationToken)
    {
        using var turn = await Turn.In(_slots, cancellationToken).ConfigureAwait(false);
        for (var attempt = 1; ; attempt++)
        {
            var connection = await server.Connect(ConnectPatience, cancellationToken).ConfigureAwait(false);
            var start = Stopwatch.GetTimestamp();
            try
            {
                await query(connection, server.CancelsQueries ? cancellationToken : CancellationToken.None).ConfigureAwait(false);
                slow.Note(what, start);
                return;
            }
            catch (Exception error) when (!cancellationToken.IsCancellationRequested && server.Classify(error) != SqlFailure.None)
            {
                var failure = server.Classify(error);
                if (failure is SqlFailure.Lost or SqlFailure.TimedOut or SqlFailure.ReadOnly)
                    server.Lost();

                if (attempt == Attempts || failure is SqlFailure.Refused or SqlFailure.Full or SqlFailure.TimedOut)
                    throw new StoreUnavailableException($"{server.Description} failed at {what}: {server.Text(error)}", error);
            }
            finally
            {
                await connection.DisposeAsync().ConfigureAwait(false);
            }
        }
    }

    public void Dispose() => _slots.Dispose();
}
