using System.Data;
using System.Diagnostics;

namespace Kine.Backends.Postgres;

/// <summary>
/// One connection for transactions whose outcome matters, one at a time. None is ever cancelled: a cancel request could reach the server at
/// its commit, where it turns into a commit that was not replicated. A transaction that takes too long is left to itself, with its
/// connection.
/// </summary>
/// <param name="servers">Where connections come from.</param>
/// <param name="options">Limits.</param>
/// <param name="slow">Hears how long things took.</param>
internal sealed class Writer(PostgresServers servers, PostgresOptions options, SlowStatements slow) : IAsyncDisposable
{
    private const int Attempts = 5;
    private static readonly TimeSpan ConnectPatience = TimeSpan.FromSeconds(1);
    private readonly SemaphoreSlim _turn = new(1, 1);
    private WriteConnection? _connection;

    /// <summary>
    /// Runs a transaction, again if the server rolled it back because of another's. Throws <see cref="StoreUnavailableException"/> when it
    /// certainly did not commit, <see cref="OutcomeUnknownException"/> when it may have.
    /// </summary>
    /// <param name="what">Name of it for messages.</param>
    /// <param name="limit">Time it may take, connecting aside.</param>
    /// <param name="transaction">Sends it; calls <see cref="WriteConnection.Committing"/> before anything that can commit.</param>
    public async Task<T> Run<T>(string what, TimeSpan limit, Func<WriteConnection, Task<T>> transaction)
    {
        await _turn.WaitAsync().ConfigureAwait(false);
        try
        {
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
                catch (Exception error) when (PostgresError.IsConflict(error) && attempt < Attempts)
                {
                    await Task.Delay(Random.Shared.Next(attempt * 5)).ConfigureAwait(false);
                }
                catch (Exception error) when (PostgresError.IsReadOnly(error) && attempt == 1)
                {
                    // The session may be older than the server's present role or settings.
                    await Drop().ConfigureAwait(false);
                }
                catch (Exception error) when (PostgresError.IsRefusal(error))
                {
                    if (PostgresError.IsReadOnly(error))
                    {
                        await Drop().ConfigureAwait(false);
                    }

                    throw new StoreUnavailableException($"{options.Description} refused {what}: {PostgresError.Text(error)}", error);
                }
            }
        }
        finally
        {
            _turn.Release();
        }
    }

    private async Task<T> RunOnce<T>(WriteConnection connection, string what, TimeSpan limit, Func<WriteConnection, Task<T>> transaction)
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
            servers.Lost();
            _ = CloseAfter(running, connection);
            var message = $"{options.Description} gave no answer to {what} within {limit.TotalSeconds:n0} s";
            throw certain ? new StoreUnavailableException(message, error) : new OutcomeUnknownException(message, error);
        }
        catch (Exception error) when (PostgresError.IsFailure(error) && !PostgresError.IsRefusal(error))
        {
            var certain = connection.GiveUp();
            await Drop().ConfigureAwait(false);
            var message = $"the connection to {options.Description} was lost during {what}: {PostgresError.Text(error)}";
            throw certain ? new StoreUnavailableException(message, error) : new OutcomeUnknownException(message, error);
        }
        catch
        {
            // Refused by the server, or by the transaction itself after a part of it: then there is something to roll back.
            if (connection.GiveUp())
            {
                await Discard().ConfigureAwait(false);
            }

            throw;
        }
        if (connection.Doubt is { } doubt)
        {
            await Drop().ConfigureAwait(false);
            throw new OutcomeUnknownException($"{options.Description} warned at {what}: {doubt}");
        }
        return result;
    }

    private async Task<WriteConnection> Ready()
    {
        if (_connection is { } present)
        {
            var old = options.MaxLifetime > TimeSpan.Zero && DateTime.UtcNow - present.OpenedAt > options.MaxLifetime;
            if (!old && present.Generation == servers.Generation && present.Connection.FullState == ConnectionState.Open)
            {
                return present;
            }

            await Discard().ConfigureAwait(false);
        }
        var generation = servers.Generation;
        return _connection = new WriteConnection(await servers.Connect(ConnectPatience, CancellationToken.None).ConfigureAwait(false), generation);
    }

    // Lost, or leading to a server that no longer writes: others like it are no better.
    private Task Drop()
    {
        servers.Lost();
        return Discard();
    }

    private async Task Discard()
    {
        if (_connection is not { } connection)
        {
            return;
        }

        _connection = null;
        await connection.DisposeAsync().ConfigureAwait(false);
    }

    private static async Task CloseAfter<T>(Task<T> running, WriteConnection connection)
    {
        // Its caller was told that the outcome is not known.
        await running.ContinueWith(static _ => { }, TaskScheduler.Default).ConfigureAwait(false);
        await connection.DisposeAsync().ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _turn.WaitAsync().ConfigureAwait(false);
        await Discard().ConfigureAwait(false);
        _turn.Dispose();
    }
}
