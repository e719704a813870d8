using System.Data.Common;

namespace Kine.Backends.Sql;

/// <summary>A connection that writes, and whether what runs on it may still be given up.</summary>
/// <param name="generation"><see cref="ISqlServer.Generation"/> before it was opened.</param>
internal abstract class SqlConnection(int generation) : IAsyncDisposable
{
    private const int Open = 0;
    private const int Sent = 1;
    private const int GivenUp = 2;
    private int _state;

    /// <summary>The library's connection; its commands have no time limit of their own.</summary>
    public abstract DbConnection Inner { get; }

    /// <summary><see cref="ISqlServer.Generation"/> when it was opened.</summary>
    public int Generation => generation;

    /// <summary>When it was opened.</summary>
    public DateTime OpenedAt { get; } = DateTime.UtcNow;

    /// <summary>True when it must not be used again.</summary>
    public bool IsBroken { get; set; }

    /// <summary>A warning of the server since <see cref="Begin"/> that puts the commit in doubt.</summary>
    public string? Doubt { get; protected set; }

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
            throw new OperationCanceledException("the transaction took too long");
    }

    /// <summary>True when nothing that can commit was sent, and now never will be.</summary>
    public bool GiveUp() => Interlocked.CompareExchange(ref _state, GivenUp, Open) != Sent;

    public virtual ValueTask DisposeAsync() => Inner.DisposeAsync();
}
