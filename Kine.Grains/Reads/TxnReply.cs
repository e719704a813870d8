using Kine.Etcd;

namespace Kine.Grains.Reads;

/// <summary>
/// The answer to a Txn. Its ranges over many keys have no pairs yet: those are read while it is sent, at the revision that the transaction saw, so that they
/// neither hold up the writer nor lie in memory.
/// </summary>
public sealed class TxnReply(TxnResponse response) : IDisposable
{
    private const long MaxJoined = 32 << 20; // bytes of pairs
    private const long KeysAtATime = 4096;
    private const long MaxLate = 2_000_000_000; // bytes of pairs: what else is in a message stays far below the rest of 2 GiB

    private readonly List<LateRange> _late = [];
    private readonly List<IDisposable> _held = [];
    private long _pinned = long.MaxValue;

    /// <summary>The reply, without the pairs of <see cref="Late"/>.</summary>
    public TxnResponse Response => response;

    /// <summary>What is read while it is sent, in the reply's order.</summary>
    public IReadOnlyList<LateRange> Late => _late;

    /// <summary>True when the transaction changed something.</summary>
    public bool HasWritten { get; internal set; }

    /// <summary>Finds out how long what is late will be; ResourceExhausted when no message could hold it.</summary>
    public Task Measure(KeyspaceView view, CancellationToken cancellationToken) => Told(MeasureUpTo(MaxLate, view, cancellationToken));

    /// <summary>Reads what is late into the response, for another process; ResourceExhausted when that is too much.</summary>
    public Task Join(KeyspaceView view, CancellationToken cancellationToken) => Told(JoinLate(view, cancellationToken));

    /// <summary>Lets compaction go on, and gives memory back; call it once the reply is written or given up.</summary>
    public void Dispose()
    {
        _late.ForEach(static late => late.Range?.Dispose());
        _held.ForEach(static held => held.Dispose());
    }

    /// <summary>Adds a range; <paramref name="pin"/> keeps compaction from deleting what can be read at a revision.</summary>
    internal void Add(LateRange late, Func<long, IDisposable> pin)
    {
        _late.Add(late);
        if (late.Revision >= _pinned)
            return;

        _pinned = late.Revision;
        _held.Add(pin(late.Revision));
    }

    // What was written is written: an answer that says no would be taken for a transaction that did not happen.
    private async Task Told(Task task)
    {
        try
        {
            await task;
        }
        catch (EtcdException) when (HasWritten)
        {
            throw EtcdErrors.TimedOut;
        }
    }

    private async Task MeasureUpTo(long most, KeyspaceView view, CancellationToken cancellationToken)
    {
        long length = 0;
        long walked = 0;
        foreach (var late in _late)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (walked > KeysAtATime)
            {
                walked = 0;
                await Task.Yield(); // others wait for this thread
            }

            length += await late.Measure(view, cancellationToken);
            walked += late.Range!.Count;
            if (length > most)
                throw EtcdErrors.ReplyTooLarge;
        }
    }

    private async Task JoinLate(KeyspaceView view, CancellationToken cancellationToken)
    {
        await MeasureUpTo(MaxJoined, view, cancellationToken);
        _held.Add(view.Values.Room.Take(_late.Sum(static late => late.Range!.KvsLength)));
        foreach (var late in _late)
        {
            using var range = late.Range!;
            await foreach (var piece in range.Pieces(cancellationToken))
                late.Response.Kvs.Add(piece.Select(static pair => KeyValue.Parser.ParseFrom(pair.Span)));
        }
    }
}
