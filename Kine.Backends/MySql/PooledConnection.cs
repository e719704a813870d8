using MySqlConnector;

namespace Kine.Backends.MySql;

/// <summary>A connection for reads, given back by its disposal.</summary>
/// <param name="server">Who takes it back.</param>
/// <param name="inner">An open session that commits by itself.</param>
/// <param name="generation">The server's generation before it was opened.</param>
internal sealed class PooledConnection(MySqlServer server, MySqlConnection inner, int generation) : IAsyncDisposable
{
    /// <summary>The library's connection.</summary>
    public MySqlConnection Inner => inner;

    /// <summary>The server's generation before it was opened.</summary>
    public int Generation => generation;

    /// <summary>When it was opened.</summary>
    public DateTime OpenedAt { get; } = DateTime.UtcNow;

    /// <summary>When it was given back last.</summary>
    public DateTime IdleSince { get; set; } = DateTime.UtcNow;

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => server.GiveBack(this);
}
