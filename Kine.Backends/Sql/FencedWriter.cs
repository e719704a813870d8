using System.Data;
using System.Diagnostics;

namespace Kine.Backends.Sql;

/// <summary>
/// One connection for transactions whose outcome matters, one at a time. None is ever cancelled: a cancel request could reach the server at
/// its commit, and undo it or leave it half done. A transaction that takes too long is left to itself, with its connection.
/// </summary>
/// <param name="server">Says what errors mean.</param>
/// <param name="connect">Opens a connection, or throws <see cref="StoreUnavailableException"/> after that long.</param>
/// <param name="maxLifetime">Age at which the connection is replaced; zero or less = never.</param>
/// <param name="slow">Notes how long things took.</param>
internal sealed class FencedWriter<TConnection>(
    ISqlServer server, Func<TimeSpan, Task<TConnection>> connect, TimeSpan maxLifetime, SlowStatements slow) : IAsyncDisposable
    where TConnection : SqlConnection
{
    private const int Attempts = 6;
    private static readonly TimeSpan ConnectPatience = TimeSpan.FromSeconds(1);
    private readonly SemaphoreSlim _turn = new(1, 1);
    private TConnection? _connection;

    /// <summary>
    /// Runs a transaction, again if the server rolled it back because of another's. Throws <see cref="StoreUnavailableException"/> when it
    /// certainly did not commit, <see cref="OutcomeUnknownException"/> when it may have.
    /// </summary>
    /// <param name="what">Name of it for messages.</param>
    /// <param name="limit">Time it may take, connecting aside.</param>
    /// <param name="transaction">Sends it; calls <see cref="SqlConnection.Committing"/> before anything that can commit.</param>
    public async Task<T> Run<T>(string what, TimeSpan limit, Func<TConnection, Task<T>> transaction)
    {
        using var turn = await Turn.In(_turn).ConfigureAwait(false);
        for (var attempt = 1; ; attempt++)
        {
            var connection = await Ready().ConfigureAwait(false);
            var start = Stopwatch.GetTimestamp();
            try
            {
                var result = await RunOnce(connection, what, limit, transaction).ConfigureAwait(false);
                slow.Note(what, start);
                return result;
            }
            catch (Exception error) when (attempt < Attempts && server.Classify(error) == SqlFailure.Conflict)
            {
                await Task.Delay(Random.Shared.Next(attempt * 5)).ConfigureAwait(false); // milliseconds
            }
            catch (Exception error) when (attempt == 1 && server.Classify(error) == SqlFailure.ReadOnly)
            {
                // The session may be older than the server's present role or settings.
                await Drop().ConfigureAwait(false);
            }
            catch (Exception error) when (server.Classify(error) == SqlFailure.Full)
            {
                throw new StoreFullException($"{server.Description} has no space for {what}: {server.Text(error)}", error);
            }
            catch (Exception error) when (server.Classify(error) is SqlFailure.Refused or SqlFailure.Conflict or SqlFailure.ReadOnly)
            {
                if (server.Classify(error) == SqlFailure.ReadOnly)
                    await Drop().ConfigureAwait(false);

                throw new StoreUnavailableException($"{server.Description} refused {what}: {server.Text(error)}", error);
            }
        }
    }

    /// <summary>The time for a batch: a slow disk still writes 1 MiB or 2,000 rows a second.</summary>
    /// <param name="least">Time for one of ordinary size; infinite stays infinite.</param>
    /// <param name="records">Its records.</param>
    /// <param name="bytes">Their bytes.</param>
    public static TimeSpan LimitFor(TimeSpan least, int records, long bytes) => least == Timeout.InfiniteTimeSpan
        ? least
        : least + TimeSpan.FromSeconds((records / 2000.0) + (bytes / (double)(1 << 20)));

    private async Task<T> RunOnce<T>(TConnection connection, string what, TimeSpan limit, Func<TConnection, Task<T>> transaction)
    {
        connection.Begin();
        var running = transaction(connection);
        T result;
        try
        {
            result = await running.WaitAsync(limit).ConfigureAwait(false);
        }
        catch (TimeoutException error) when (!running.IsCompleted)
        {
            var certain = connection.GiveUp();
            _connection = null;
            server.Lost();
            _ = CloseAfter(running, connection);
            var message = $"{server.Description} gave no answer to {what} within {limit.TotalSeconds:n0} s";
            throw certain ? new StoreUnavailableException(message, error) : new OutcomeUnknownException(message, error);
        }
        catch (Exception error) when (server.Classify(error) is SqlFailure.Lost or SqlFailure.TimedOut)
        {
            var certain = connection.GiveUp();
            await Drop().ConfigureAwait(false);
            var message = $"the connection to {server.Description} was lost during {what}: {server.Text(error)}";
            throw certain ? new StoreUnavailableException(message, error) : new OutcomeUnknownException(message, error);
        }
        catch
        {
            // Refused by the server, or by the transaction itself after a part of it: then there is something to roll back.
            if (connection.GiveUp() || connection.IsBroken)
                await Discard().ConfigureAwait(false);

            throw;
        }
        if (connection.Doubt is { } doubt)
        {
            await Drop().ConfigureAwait(false);
            throw new OutcomeUnknownException($"{server.Description} warned at {what}: {doubt}");
        }
        return result;
    }

    private async Task<TConnection> Ready()
    {
        if (_connection is { } present)
        {
            var old = maxLifetime > TimeSpan.Zero && DateTime.UtcNow - present.OpenedAt > maxLifetime;
            if (!old && !present.IsBroken && present.Generation == server.Generation && present.Inner.State == ConnectionState.Open)
                return present;

            await Discard().ConfigureAwait(false);
        }
        return _connection = await connect(ConnectPatience).ConfigureAwait(false);
    }

    // Lost, or leading to a server that no longer writes: others like it are no better.
    private Task Drop()
    {
        server.Lost();
        return Discard();
    }

    private async Task Discard()
    {
        if (_connection is not { } connection)
            return;

        _connection = null;
        await connection.DisposeAsync().ConfigureAwait(false);
    }

    private static async Task CloseAfter<T>(Task<T> running, TConnection connection)
    {
        // Its caller was told that the outcome is not known.
        await running.ContinueWith(static gone => gone.Exception, TaskScheduler.Default).ConfigureAwait(false);
        await connection.DisposeAsync().ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        await _turn.WaitAsync().ConfigureAwait(false);
        await Discard().ConfigureAwait(false);
        _turn.Dispose();
    }
}
