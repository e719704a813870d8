using Kine.Etcd;

namespace Kine.Grains.Reads;

/// <summary>A <see cref="RangeReply"/> between processes: all pairs as marshaled mvccpb.KeyValue.</summary>
/// <param name="Revision">Current revision, for the header.</param>
/// <param name="ReadRevision">The revision that was read.</param>
/// <param name="Count">Keys of the range before limit and filters.</param>
/// <param name="More">True when the limit cut the list.</param>
/// <param name="Cut">True when pairs that were asked for are missing at the end: ask again behind the last key, at that revision.</param>
/// <param name="KvsLength">Bytes of all <c>kvs</c> fields that the request asked for, those missing included.</param>
/// <param name="Pairs">The pairs.</param>
[GenerateSerializer, Immutable]
public sealed record WireRangeReply(
    long Revision, long ReadRevision, long Count, bool More, bool Cut, long KvsLength, IReadOnlyList<ReadOnlyMemory<byte>> Pairs)
{
    private const long MaxBytes = 4 << 20;

    /// <summary>
    /// Reads a range and keeps of it what one message between processes takes. A list is read outside the caller's turn, so that it blocks no other call.
    /// </summary>
    public static Task<WireRangeReply> Read(KeyspaceView view, RangeRequest request) =>
        request.RangeEnd.IsEmpty ? ReadHere(view, request) : Task.Run(() => ReadHere(view, request));

    private static async Task<WireRangeReply> ReadHere(KeyspaceView view, RangeRequest request)
    {
        using var reply = await RangeReader.Range(view, request, CancellationToken.None);
        var pairs = new List<ReadOnlyMemory<byte>>();
        long bytes = 0;
        await foreach (var piece in reply.Pieces())
        {
            foreach (var pair in piece)
            {
                if (bytes > MaxBytes)
                    break;

                pairs.Add(pair);
                bytes += pair.Length;
            }

            if (bytes > MaxBytes)
                break;
        }

        var readRevision = request.Revision > 0 ? request.Revision : reply.Revision;
        return new WireRangeReply(reply.Revision, readRevision, reply.Count, reply.More, pairs.Count < reply.Pairs, reply.KvsLength, pairs);
    }
}
