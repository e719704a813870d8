using MySqlConnector;

namespace Kine.Backends.MySql;

/// <summary>Connections that wait for the next query, the one used last on top. The library's pool of a data source cannot be emptied, as a lost server asks for.</summary>
internal sealed class IdleConnections : IAsyncDisposable
{
    private readonly Lock _lock = new(); // guards what follows
    private readonly Stack<PooledConnection> _idle = [];
    private readonly MySqlOptions _options;
    private readonly ITimer? _timer;
    private bool _closed;

    /// <summary>Holds none yet.</summary>
    public IdleConnections(MySqlOptions options)
    {
        _options = options;
        if (options.MaxIdleTime > TimeSpan.Zero && options.IdleReaders > 0)
        {
            var every = TimeSpan.FromTicks(Math.Max(options.MaxIdleTime.Ticks / 2, TimeSpan.TicksPerSecond));
            _timer = TimeProvider.System.CreateTimer(static held => ((IdleConnections)held!).CloseOld(), this, every, every);
        }
    }

    /// <summary>One that is young enough and was opened in this generation; null = none.</summary>
    public async Task<PooledConnection?> Take(int generation)
    {
        while (true)
        {
            PooledConnection? found;
            lock (_lock)
            {
                if (!_idle.TryPop(out found))
                {
                    return null;
                }
            }
            if (found.Generation == generation && !IsOld(found))
            {
                return found;
            }

            await found.Inner.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Keeps the connection for others, or closes it.</summary>
    public async ValueTask GiveBack(PooledConnection connection, int generation)
    {
        connection.IdleSince = DateTime.UtcNow;
        lock (_lock)
        {
            if (!_closed && _idle.Count < _options.IdleReaders && connection.Generation == generation && !IsOld(connection))
            {
                _idle.Push(connection);
                return;
            }
        }
        await connection.Inner.DisposeAsync().ConfigureAwait(false);
    }

    private bool IsOld(PooledConnection connection) =>
        (_options.MaxLifetime > TimeSpan.Zero && DateTime.UtcNow - connection.OpenedAt > _options.MaxLifetime)
        || (_options.MaxIdleTime > TimeSpan.Zero && DateTime.UtcNow - connection.IdleSince > _options.MaxIdleTime)
        || connection.Inner.State != System.Data.ConnectionState.Open;

    private void CloseOld()
    {
        List<MySqlConnection> old = [];
        lock (_lock)
        {
            PooledConnection[] kept = [.. _idle.Where(connection => !IsOld(connection)).Reverse()];
            old.AddRange(_idle.Where(IsOld).Select(static connection => connection.Inner));
            _idle.Clear();
            Array.ForEach(kept, _idle.Push);
        }
        // On the timer's thread; it sends one small packet each.
        old.ForEach(static connection => connection.Dispose());
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        PooledConnection[] all;
        lock (_lock)
        {
            _closed = true;
            all = [.. _idle];
            _idle.Clear();
        }
        if (_timer is not null)
        {
            await _timer.DisposeAsync().ConfigureAwait(false);
        }

        foreach (var connection in all)
        {
            await connection.Inner.DisposeAsync().ConfigureAwait(false);
        }
    }
}
