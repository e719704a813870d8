using System.Runtime.CompilerServices;
using Kine.Etcd;
using Kine.Grains.Index;
using Kine.Grains.Values;

namespace Kine.Grains.Reads;

/// <summary>
/// Answers Range from a <see cref="KeyspaceView"/>. Nothing here waits for a writer: the index is read at one revision, which later writes cannot change.
/// A compaction that passes that revision meanwhile is noticed afterwards, and the read answers "compacted" or, when it asked for the current
/// revision, starts again.
/// </summary>
public static class RangeReader
{
    private const int GatherEntries = 8192;
    private const long GatherBytes = 8 << 20; // larger lists are read and sent in pieces

    /// <summary>Reads what <paramref name="request"/> asks, after <see cref="RangeRules.Check"/>.</summary>
    public static ValueTask<RangeReply> Range(KeyspaceView view, RangeRequest request, CancellationToken cancellationToken)
    {
        while (true)
        {
            var state = view.State;
            var revision = ReadRevision(state, request.Revision);
            var range = new KeyRange(request.Key.Memory, request.RangeEnd.Memory);
            if (range.IsSingle && TryCached(view, request, revision, out var keyValue) && StillReadable(view, request, revision))
                return ValueTask.FromResult(Reply(state, 1, more: false, room: null, keyValue));

            var count = view.Index.Count(range, revision);
            if (request.CountOnly || count == 0)
            {
                if (StillReadable(view, request, revision))
                    return ValueTask.FromResult(new RangeReply { Revision = state.Revision, Count = count });

                continue;
            }

            if (!RangeRules.IsKeyOrder(request) || RangeRules.HasFilters(request))
                return Long(view, request, state, revision, cancellationToken);

            var wanted = request.Limit > 0 ? Math.Min(request.Limit, count) : count;
            if (!TryGather(view, range, revision, wanted, request.KeysOnly, out var entries, out var missing))
                return Long(view, request, state, revision, cancellationToken);

            if (missing > 0)
                return ReadThenReply(view, request, state, revision, count, entries, missing, cancellationToken);

            if (StillReadable(view, request, revision))
                return ValueTask.FromResult(Reply(state, count, count > wanted, entries));
        }
    }

    /// <summary>The revision a read answers at, or etcd's error when it cannot be read.</summary>
    public static long ReadRevision(PublishedState state, long asked)
    {
        if (asked > state.Revision)
            throw EtcdErrors.FutureRevision;

        if (asked > 0 && asked < state.CompactRevision)
            throw EtcdErrors.Compacted;

        return asked > 0 ? asked : state.Revision;
    }

    // False = the read has to start again; throws when it asked for a revision that is gone.
    private static bool StillReadable(KeyspaceView view, RangeRequest request, long revision)
    {
        if (view.State.CompactRevision <= revision)
            return true;

        return request.Revision > 0 ? throw EtcdErrors.Compacted : false;
    }

    // Most reads are of one key, and find its value in memory.
    private static bool TryCached(KeyspaceView view, RangeRequest request, long revision, out ReadOnlyMemory<byte> keyValue)
    {
        keyValue = default;
        return !request.CountOnly && !request.KeysOnly && !RangeRules.HasFilters(request)
            && view.Index.TryGet(request.Key.Span, revision, out var version) && view.Values.TryGet(version.Id, out keyValue);
    }

    // Missing = bytes of values that the cache did not have. False = they are too many to be held.
    private static bool TryGather(
        KeyspaceView view, KeyRange range, long revision, long wanted, bool keysOnly, out List<PairEntry> entries, out long missing)
    {
        entries = new List<PairEntry>((int)Math.Min(wanted, GatherEntries));
        missing = 0;
        if (wanted > GatherEntries)
            return false;

        long bytes = 0;
        var cursor = view.Index.Range(range, revision);
        while (entries.Count < wanted && cursor.MoveNext())
        {
            var version = cursor.Current;
            bytes += keysOnly ? 0 : version.ValueLength;
            if (bytes > GatherBytes && entries.Count > 0)
                return false;

            var entry = PairEntry.Find(view, cursor.Key, version, keysOnly);
            if (entry.KeyValue.IsEmpty)
                missing += KeyValueWire.EncodedLength(entry.Key.Length, version, keysOnly);

            entries.Add(entry);
        }

        return true;
    }

    private static async ValueTask<RangeReply> ReadThenReply(
        KeyspaceView view, RangeRequest request, PublishedState state, long revision, long count, List<PairEntry> entries, long missing,
        CancellationToken cancellationToken)
    {
        if (!view.Values.Room.TryTake(missing, out var room))
            return await Long(view, request, state, revision, cancellationToken);

        try
        {
            var whole = await PairEntry.Fill(view, entries, cancellationToken);
            if (StillReadable(view, request, revision))
                return whole ? Reply(state, count, count > entries.Count, entries, room) : throw new MissingValueException(revision);
        }
        catch
        {
            room.Dispose();
            throw;
        }

        room.Dispose();
        return await Range(view, request, cancellationToken);
    }

    private static RangeReply Reply(PublishedState state, long count, bool more, List<PairEntry> entries, IDisposable? room = null)
    {
        var pairs = new ReadOnlyMemory<byte>[entries.Count];
        for (var i = 0; i < pairs.Length; i++)
            pairs[i] = entries[i].KeyValue;

        return Reply(state, count, more, room, pairs);
    }

    private static RangeReply Reply(PublishedState state, long count, bool more, IDisposable? room, params ReadOnlyMemory<byte>[] pairs)
    {
        long length = 0;
        foreach (var pair in pairs)
            length += KeyValueWire.FieldLength(pair.Length);

        return new RangeReply { Revision = state.Revision, Count = count, Pairs = pairs.Length, More = more, KvsLength = length, First = pairs, Held = room };
    }

    // What is too long to be held, or not in key order.
    private static async ValueTask<RangeReply> Long(
        KeyspaceView view, RangeRequest request, PublishedState state, long revision, CancellationToken cancellationToken)
    {
        var held = new HeldRange(view.Pins.Acquire(revision), new RangeAt(view, request, revision));
        try
        {
            if (!StillReadable(view, request, revision))
            {
                held.Dispose();
                return await Range(view, request, cancellationToken);
            }

            var range = held.Range;
            await range.Measure(cancellationToken);
            if (range.IsGone && !StillReadable(view, request, revision))
            {
                held.Dispose();
                return await Range(view, request, cancellationToken);
            }

            var pieces = range.Pieces(cancellationToken).GetAsyncEnumerator(cancellationToken);
            var first = await pieces.MoveNextAsync() ? pieces.Current : [];
            return new RangeReply
            {
                Revision = state.Revision,
                Count = range.Count,
                Pairs = range.Pairs,
                More = range.More,
                KvsLength = range.KvsLength,
                First = first,
                Rest = first.Count < range.Pairs ? new RestOf<IReadOnlyList<ReadOnlyMemory<byte>>>(pieces) : null,
                Held = held,
            };
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    private sealed record HeldRange(IDisposable Pin, RangeAt Range) : IDisposable
    {
        public void Dispose()
        {
            Range.Dispose();
            Pin.Dispose();
        }
    }

    // What an enumerator has left, as an enumerable that is walked once.
    private sealed class RestOf<T>(IAsyncEnumerator<T> rest) : IAsyncEnumerable<T>
    {
        public IAsyncEnumerator<T> GetAsyncEnumerator(CancellationToken cancellationToken) => rest;
    }
}
