using Npgsql;

namespace Kine.Backends.Postgres;

/// <summary>A connection that writes, what the server warned of on it, and whether what runs on it may still be given up.</summary>
internal sealed class WriteConnection : IAsyncDisposable
{
    private const int Open = 0;
    private const int Sent = 1;
    private const int GivenUp = 2;
    private int _state;

    /// <summary>Takes the connection over.</summary>
    public WriteConnection(NpgsqlConnection connection, int generation)
    {
        Connection = connection;
        Generation = generation;
        connection.Notice += Noted;
    }

    /// <summary>The connection; its commands have no time limit of their own.</summary>
    public NpgsqlConnection Connection { get; }

    /// <summary><see cref="PostgresServers.Generation"/> when it was opened.</summary>
    public int Generation { get; }

    /// <summary>When it was opened.</summary>
    public DateTime OpenedAt { get; } = DateTime.UtcNow;

    /// <summary>A warning since <see cref="Begin"/> that puts the commit in doubt.</summary>
    public string? Doubt { get; private set; }

    /// <summary>Before each transaction.</summary>
    public void Begin()
    {
        Doubt = null;
        Volatile.Write(ref _state, Open);
    }

    /// <summary>Before anything is sent that can commit. Throws <see cref="OperationCanceledException"/> when the transaction was given up before.</summary>
    public void Committing()
    {
        if (Interlocked.CompareExchange(ref _state, Sent, Open) == GivenUp)
        {
            throw new OperationCanceledException("the transaction took too long");
        }
    }

    /// <summary>True when nothing that can commit was sent, and now never will be.</summary>
    public bool GiveUp() => Interlocked.CompareExchange(ref _state, GivenUp, Open) != Sent;

    // A cancelled wait for a synchronous standby is a mere warning, though the transaction may be lost with this server. Whatever else the
    // server warns of at a commit is taken for the same, but for the reminders that transaction numbers run out.
    private void Noted(object sender, NpgsqlNoticeEventArgs arguments)
    {
        var notice = arguments.Notice;
        if (notice.InvariantSeverity == "WARNING" && notice.File is not ("varsup.c" or "multixact.c"))
        {
            Doubt = $"{notice.MessageText} ({notice.SqlState})";
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        Connection.Notice -= Noted;
        return Connection.DisposeAsync();
    }
}
