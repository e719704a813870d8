using Kine.Etcd;

namespace Kine.Grains.Reads;

/// <summary>A <see cref="RangeReply"/> between processes: all pairs as marshaled mvccpb.KeyValue.</summary>
[GenerateSerializer, Immutable]
public sealed class WireRangeReply
{
    private const long MaxBytes = 4 << 20;

    /// <summary>Current revision, for the header.</summary>
    [Id(0)]
    public long Revision { get; init; }

    /// <summary>Keys of the range before limit and filters.</summary>
    [Id(1)]
    public long Count { get; init; }

    /// <summary>True when the limit cut the list.</summary>
    [Id(2)]
    public bool More { get; init; }

    /// <summary>True when pairs the request asked for are missing at the end: ask again from behind the last key at <see cref="ReadRevision"/>.</summary>
    [Id(3)]
    public bool Cut { get; init; }

    /// <summary>The revision that was read.</summary>
    [Id(4)]
    public long ReadRevision { get; init; }

    /// <summary>Bytes of all <c>kvs</c> fields that the request asked for, those missing included.</summary>
    [Id(6)]
    public long KvsLength { get; init; }

    /// <summary>The pairs.</summary>
    [Id(5)]
    public IReadOnlyList<ReadOnlyMemory<byte>> Pairs { get; init; } = [];

    /// <summary>Reads a range and keeps of it what one message between processes takes. A list is read outside the caller's turn, so that it blocks no other call.</summary>
    public static Task<WireRangeReply> Read(KeyspaceView view, RangeRequest request) =>
        request.RangeEnd.IsEmpty ? ReadHere(view, request) : Task.Run(() => ReadHere(view, request));

    private static async Task<WireRangeReply> ReadHere(KeyspaceView view, RangeRequest request)
    {
        using var reply = await RangeReader.Range(view, request, CancellationToken.None);
        var pairs = new List<ReadOnlyMemory<byte>>();
        long bytes = 0;
        foreach (var pair in reply.First)
        {
            if (bytes > MaxBytes)
                break;

            pairs.Add(pair);
            bytes += pair.Length;
        }

        // A reply that could be longer than its first piece has neither filter nor order: it ends where the limit or the range ends.
        var wanted = reply.Rest is null ? reply.First.Count : request.Limit > 0 ? Math.Min(request.Limit, reply.Count) : reply.Count;
        return new WireRangeReply
        {
            Revision = reply.Revision,
            ReadRevision = request.Revision > 0 ? request.Revision : reply.Revision,
            Count = reply.Count,
            More = reply.More,
            Cut = pairs.Count < wanted,
            KvsLength = reply.KvsLength,
            Pairs = pairs,
        };
    }
}
