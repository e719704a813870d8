using System.Diagnostics;

namespace Kine.Backends.MySql;

/// <summary>A thread's connection: opened when it is needed, dropped after an error, replaced when it is too old.</summary>
internal sealed class Session(Connector connector, bool writes) : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);
    private Connection? _connection;
    private TimeSpan _readTimeout;
    private long _openedAt;

    /// <summary>Buffer for the text of a packet.</summary>
    public SqlText Text { get; } = new();

    /// <summary>True while a connection is open.</summary>
    public bool IsOpen => _connection is not null;

    /// <summary>The connection, opened if need be. Throws <see cref="MySqlError"/>.</summary>
    /// <param name="readTimeout">How long an answer may take; a connection that does not wait as long is replaced.</param>
    public Connection Get(TimeSpan readTimeout = default)
    {
        var options = connector.Options;
        var old = options.MaxLifetime > TimeSpan.Zero && Stopwatch.GetElapsedTime(_openedAt) > options.MaxLifetime;
        if (readTimeout == default)
        {
            readTimeout = options.ReadTimeout;
        }

        if (_connection is { IsOpen: false } || old || _readTimeout != readTimeout)
        {
            Drop();
        }

        if (_connection is null)
        {
            _connection = writes ? connector.OpenForWrites(readTimeout) : connector.Open(readTimeout);
            _readTimeout = readTimeout;
            _openedAt = Stopwatch.GetTimestamp();
        }
        return _connection;
    }

    /// <summary>Closes the connection.</summary>
    public void Drop()
    {
        _connection?.Dispose();
        _connection = null;
    }

    /// <summary>
    /// Runs what may safely run twice; again on a new connection for about a second where that may help. Throws <see cref="StoreUnavailableException"/>.
    /// </summary>
    public T Read<T>(Func<Connection, T> query) => Patiently(() => query(Get()));

    /// <summary>As <see cref="Read"/>, for the connection of a write that is about to be sent.</summary>
    /// <param name="readTimeout">How long an answer may take.</param>
    public Connection GetPatiently(TimeSpan readTimeout) => Patiently(() => Get(readTimeout));

    private T Patiently<T>(Func<T> attempt)
    {
        var start = Stopwatch.GetTimestamp();
        for (var pause = 10; ; pause = Math.Min(2 * pause, 200))
        {
            try
            {
                return attempt();
            }
            catch (MySqlError error)
            {
                Drop();
                if (!error.IsPassing || error.RefusesSession || Stopwatch.GetElapsedTime(start) > Patience)
                {
                    throw error.Unavailable(connector.Options.Place);
                }
            }
            Thread.Sleep(pause); // milliseconds
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Drop();
}
