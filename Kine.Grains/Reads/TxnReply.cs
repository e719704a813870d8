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

    private readonly List<LateRange> _late = [];
    private IDisposable? _pin;

    /// <summary>The reply, without the pairs of <see cref="Late"/>.</summary>
    public TxnResponse Response => response;

    /// <summary>What is read while it is sent, in the reply's order.</summary>
    public IReadOnlyList<LateRange> Late => _late;

    /// <summary>Finds out how long what is late will be, up to more than a message can have.</summary>
    public async Task Measure(KeyspaceView view, CancellationToken cancellationToken)
    {
        long length = 0;
        long walked = 0;
        foreach (var late in _late)
        {
            if (walked > KeysAtATime)
            {
                walked = 0;
                await Task.Yield(); // others wait for this thread
            }

            length += await late.Measure(view, cancellationToken);
            walked += late.Range!.Count;
            if (length > int.MaxValue)
                throw EtcdErrors.ReplyTooLarge;
        }
    }

    /// <summary>Reads what is late into the response, for another process; ResourceExhausted when that is too much.</summary>
    public async Task Join(KeyspaceView view, CancellationToken cancellationToken)
    {
        await Measure(view, cancellationToken);
        if (_late.Sum(static late => late.Range!.KvsLength) > MaxJoined)
            throw EtcdErrors.ReplyTooLarge;

        foreach (var late in _late)
        {
            using var range = late.Range!;
            await foreach (var piece in range.Pieces(cancellationToken))
                late.Response.Kvs.Add(piece.Select(static pair => KeyValue.Parser.ParseFrom(pair.Span)));
        }
    }

    /// <summary>Lets compaction go on; call it once the reply is written or given up.</summary>
    public void Dispose() => _pin?.Dispose();

    /// <summary>Adds a range; <paramref name="pin"/> makes what keeps compaction from deleting what it needs.</summary>
    internal void Add(LateRange late, Func<IDisposable> pin)
    {
        _pin ??= pin();
        _late.Add(late);
    }
}
