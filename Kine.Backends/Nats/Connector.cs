using System.Diagnostics;

namespace Kine.Backends.Nats;

/// <summary>The present connection for one purpose; a broken one is replaced at the next use.</summary>
internal sealed class Connector(NatsOptions options, SlowRequests slow) : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);
    private readonly SemaphoreSlim _connecting = new(1);
    private Connection? _connection;
    private bool _disposed;

    /// <summary>A connection that was alive a moment ago; tries for about a second. Throws <see cref="ConnectionException"/>.</summary>
    public ValueTask<Connection> Get(CancellationToken cancellationToken) =>
        _connection is { IsAlive: true } connection ? new(connection) : new(Connect(cancellationToken));

    /// <summary>
    /// Runs a request that may be repeated, on a new connection if need be, for about a second. Throws <see cref="StoreUnavailableException"/>, also for
    /// the server's no: it passes (no leader, restarting) or is an operator's to mend.
    /// </summary>
    public async Task<T> Repeat<T>(Func<Connection, Task<T>> request, CancellationToken cancellationToken)
    {
        var started = Environment.TickCount64;
        try
        {
            while (true)
            {
                cancellationToken.ThrowIfCancellationRequested();
                try
                {
                    return await request(await Get(cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
                }
                catch (Exception error) when (IsRepeated(error) && Environment.TickCount64 - started <= Patience.TotalMilliseconds)
                {
                    await Task.Delay(Pause, cancellationToken).ConfigureAwait(false);
                }
            }
        }
        catch (Exception error) when (error is ConnectionException or JetStreamException)
        {
            throw new StoreUnavailableException(error.Message, error);
        }
        finally
        {
            slow.Report("read", started);
        }
    }

    /// <summary>As the other, for a request without an answer.</summary>
    public Task Repeat(Func<Connection, Task> request, CancellationToken cancellationToken) => Repeat(
        async connection =>
        {
            await request(connection).ConfigureAwait(false);
            return true;
        },
        cancellationToken);

    /// <summary>Closes the connection; no new one is made.</summary>
    public void Dispose()
    {
        _disposed = true;
        _connection?.Close();
    }

    private async Task<Connection> Connect(CancellationToken cancellationToken)
    {
        using var turn = await Turn.In(_connecting, cancellationToken).ConfigureAwait(false);
        var watch = Stopwatch.StartNew();
        while (true)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_connection is { IsAlive: true } connection)
                return connection;

            _connection?.Close();
            _connection = null;
            try
            {
                _connection = await Connection.Open(options, cancellationToken).ConfigureAwait(false);
                if (_disposed)
                    _connection.Close();

                return _connection;
            }
            catch (ConnectionException error) when (!error.Refused && watch.Elapsed < Patience)
            {
                await Task.Delay(Pause, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private static bool IsRepeated(Exception error) => error is ConnectionException { Refused: false } or JetStreamException { Code: JetStreamException.NoResponder };
}
