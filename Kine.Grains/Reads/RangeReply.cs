namespace Kine.Grains.Reads;

/// <summary>
/// The answer to a Range, not yet joined: the pairs come as marshaled mvccpb.KeyValue messages in reply order, a piece at a time, so that the
/// front end copies each once, into the socket, and a large list is never held whole.
/// </summary>
public sealed class RangeReply : IDisposable
{
    /// <summary>Current revision, for the header.</summary>
    public required long Revision { get; init; }

    /// <summary>Keys of the range at the revision read, before limit and filters.</summary>
    public required long Count { get; init; }

    /// <summary>Pairs of the reply, those to come included.</summary>
    public long Pairs { get; init; }

    /// <summary>True when the limit cut the list.</summary>
    public bool More { get; init; }

    /// <summary>Bytes of all <c>kvs</c> fields in the reply message, tags and lengths included.</summary>
    public long KvsLength { get; init; }

    /// <summary>The first piece.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> First { get; init; } = [];

    /// <summary>
    /// The pieces after the first, null when there are none. A piece that cannot be read any more throws, and the call must be torn down, for part of
    /// the message is out already.
    /// </summary>
    public IAsyncEnumerable<IReadOnlyList<ReadOnlyMemory<byte>>>? Rest { get; init; }

    /// <summary>What keeps compaction from deleting what <see cref="Rest"/> has yet to read, and the memory it takes.</summary>
    public IDisposable? Held { private get; init; }

    /// <summary>All pieces, once.</summary>
    public async IAsyncEnumerable<IReadOnlyList<ReadOnlyMemory<byte>>> Pieces()
    {
        yield return First;
        if (Rest is null)
            yield break;

        await foreach (var piece in Rest)
            yield return piece;
    }

    /// <summary>Lets go of both; call it once the reply is written or given up.</summary>
    public void Dispose() => Held?.Dispose();
}
