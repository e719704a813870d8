using System.Diagnostics;

namespace Kine.Backends.Sql;

/// <summary>Short reads, each on any connection; one whose connection was lost is asked again on another.</summary>
/// <param name="server">Says what errors mean.</param>
/// <param name="connect">Gives a connection, or throws <see cref="StoreUnavailableException"/> after that long.</param>
/// <param name="most">How many may run at once.</param>
/// <param name="slow">Notes how long things took.</param>
internal sealed class Queries<TConnection>(
    ISqlServer server, Func<TimeSpan, CancellationToken, Task<TConnection>> connect, int most, SlowStatements slow) : IDisposable
    where TConnection : IAsyncDisposable
{
    private const int Attempts = 4;
    private static readonly TimeSpan ConnectPatience = TimeSpan.FromSeconds(1);
    private readonly SemaphoreSlim _slots = new(most, most);

    /// <summary>Runs what may safely run twice. Throws <see cref="StoreUnavailableException"/>.</summary>
    /// <param name="what">Name of it for messages.</param>
    /// <param name="query">Gets the connection.</param>
    /// <param name="cancellationToken">Ends the wait for a connection, and what the query does with it.</param>
    public async Task<T> Run<T>(string what, Func<TConnection, CancellationToken, Task<T>> query, CancellationToken cancellationToken)
    {
        await _slots.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            for (var attempt = 1; ; attempt++)
            {
                var connection = await connect(ConnectPatience, cancellationToken).ConfigureAwait(false);
                var start = Stopwatch.GetTimestamp();
                try
                {
                    var result = await query(connection, cancellationToken).ConfigureAwait(false);
                    slow.Note(what, start);
                    return result;
                }
                catch (Exception error) when (!cancellationToken.IsCancellationRequested && server.Classify(error) != SqlFailure.None)
                {
                    var failure = server.Classify(error);
                    if (failure is SqlFailure.Lost or SqlFailure.TimedOut or SqlFailure.ReadOnly)
                    {
                        server.Lost();
                    }

                    if (attempt == Attempts || failure is SqlFailure.Refused or SqlFailure.TimedOut)
                    {
                        throw new StoreUnavailableException($"{server.Description} failed at {what}: {server.Text(error)}", error);
                    }
                }
                finally
                {
                    await connection.DisposeAsync().ConfigureAwait(false);
                }
            }
        }
        finally
        {
            _slots.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _slots.Dispose();
}
