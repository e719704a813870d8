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
    private const int PieceEntries = 1024;
    private const long PieceBytes = 1 << 20;

    /// <summary>Reads what <paramref name="request"/> asks, after <see cref="RangeRules.Check"/>.</summary>
    public static ValueTask<RangeReply> Range(KeyspaceView view, RangeRequest request, CancellationToken cancellationToken)
    {
        while (true)
        {
            var state = view.State;
            var revision = ReadRevision(state, request.Revision);
            var range = new KeyRange(request.Key.Memory, request.RangeEnd.Memory);
            if (range.IsSingle && TryCached(view, request, revision, out var keyValue) && StillReadable(view, request, revision))
                return ValueTask.FromResult(Reply(state, 1, more: false, keyValue));

            var count = view.Index.Count(range, revision);
            if (request.CountOnly || count == 0)
            {
                if (StillReadable(view, request, revision))
                    return ValueTask.FromResult(new RangeReply { Revision = state.Revision, Count = count });

                continue;
            }

            if (RangeRules.IsKeyOrder(request) && !RangeRules.HasFilters(request))
            {
                var wanted = request.Limit > 0 ? Math.Min(request.Limit, count) : count;
                if (TryGather(view, range, revision, wanted, request.KeysOnly, out var entries, out var whole))
                {
                    if (whole)
                    {
                        if (StillReadable(view, request, revision))
                            return ValueTask.FromResult(Reply(state, count, count > wanted, entries));

                        continue;
                    }

                    return ReadThenReply(view, request, state, revision, count, count > wanted, entries, cancellationToken);
                }

                return Large(view, request, range, state, revision, wanted, cancellationToken);
            }

            return Sorted(view, request, range, state, revision, count, cancellationToken);
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

    // Whole = the cache had all of their values. False = they are too many to be held.
    private static bool TryGather(
        KeyspaceView view, KeyRange range, long revision, long wanted, bool keysOnly, out List<Entry> entries, out bool whole)
    {
        entries = new List<Entry>((int)Math.Min(wanted, GatherEntries));
        whole = true;
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

            var entry = Find(view, cursor.Key, version, keysOnly);
            whole &= !entry.KeyValue.IsEmpty;
            entries.Add(entry);
        }

        return true;
    }

    private static Entry Find(KeyspaceView view, ReadOnlySpan<byte> key, in KeyVersion version, bool keysOnly)
    {
        if (keysOnly)
            return new Entry(default, version, KeyValueWire.EncodeKeysOnly(key, version));

        return view.Values.TryGet(version.Id, out var keyValue)
            ? new Entry(default, version, keyValue)
            : new Entry(key.ToArray(), version, default);
    }

    // Reads what the cache did not pin. False = a value is gone: compaction passed this revision.
    private static async ValueTask<bool> Fill(KeyspaceView view, List<Entry> entries, CancellationToken cancellationToken)
    {
        var missing = new List<int>();
        var versions = new List<VersionedKey>();
        for (var i = 0; i < entries.Count; i++)
        {
            if (entries[i].KeyValue.IsEmpty)
            {
                missing.Add(i);
                versions.Add(new VersionedKey(entries[i].Key, entries[i].Version));
            }
        }

        if (missing.Count == 0)
            return true;

        var found = await view.Values.Read(versions, cancellationToken);
        for (var i = 0; i < missing.Count; i++)
        {
            if (found[i] is not { } keyValue)
                return false;

            entries[missing[i]] = entries[missing[i]] with { KeyValue = keyValue };
        }

        return true;
    }

    private static async ValueTask<RangeReply> ReadThenReply(
        KeyspaceView view, RangeRequest request, PublishedState state, long revision, long count, bool more, List<Entry> entries, CancellationToken cancellationToken)
    {
        var whole = await Fill(view, entries, cancellationToken);
        if (StillReadable(view, request, revision))
            return whole ? Reply(state, count, more, entries) : throw new MissingValueException(revision);

        return await Range(view, request, cancellationToken);
    }

    private static RangeReply Reply(PublishedState state, long count, bool more, List<Entry> entries)
    {
        var pairs = new ReadOnlyMemory<byte>[entries.Count];
        for (var i = 0; i < pairs.Length; i++)
            pairs[i] = entries[i].KeyValue;

        return Reply(state, count, more, pairs);
    }

    private static RangeReply Reply(PublishedState state, long count, bool more, params ReadOnlyMemory<byte>[] pairs)
    {
        long length = 0;
        foreach (var pair in pairs)
            length += KeyValueWire.FieldLength(pair.Length);

        return new RangeReply { Revision = state.Revision, Count = count, More = more, KvsLength = length, First = pairs };
    }

    private static async ValueTask<RangeReply> Sorted(
        KeyspaceView view, RangeRequest request, KeyRange range, PublishedState state, long revision, long count, CancellationToken cancellationToken)
    {
        var byValue = request.SortTarget == RangeRequest.Types.SortTarget.Value;
        var entries = GatherSorted(view, request, range, revision);
        var whole = !byValue || await Fill(view, entries, cancellationToken);
        if (whole)
        {
            RangeRules.Sort(request, entries, entry => entry.Version, entry => KeyValueWire.Value(entry.KeyValue));
            var more = request.Limit > 0 && entries.Count > request.Limit;
            if (more)
                entries.RemoveRange((int)request.Limit, entries.Count - (int)request.Limit);

            whole = request.KeysOnly || await Fill(view, entries, cancellationToken);
            if (whole && StillReadable(view, request, revision))
                return Reply(state, count, more, request.KeysOnly ? WithoutValues(entries) : entries);
        }

        if (StillReadable(view, request, revision))
            throw new MissingValueException(revision);

        return await Range(view, request, cancellationToken);
    }

    private static List<Entry> GatherSorted(KeyspaceView view, RangeRequest request, KeyRange range, long revision)
    {
        var entries = new List<Entry>();
        var fetch = RangeRules.Fetch(request);
        var cursor = view.Index.Range(range, revision);
        while ((fetch == 0 || entries.Count < fetch) && cursor.MoveNext())
        {
            var version = cursor.Current;
            if (RangeRules.Passes(request, version))
                entries.Add(new Entry(cursor.Key.ToArray(), version, default));
        }

        return entries;
    }

    private static List<Entry> WithoutValues(List<Entry> entries) =>
        entries.ConvertAll(entry => entry with { KeyValue = KeyValueWire.EncodeKeysOnly(entry.Key.Span, entry.Version) });

    private static async ValueTask<RangeReply> Large(
        KeyspaceView view, RangeRequest request, KeyRange range, PublishedState state, long revision, long wanted, CancellationToken cancellationToken)
    {
        IDisposable pin = view.Pins.Acquire(revision);
        try
        {
            if (!StillReadable(view, request, revision))
            {
                pin.Dispose();
                return await Range(view, request, cancellationToken);
            }

            (var count, var length) = await Task.Run(() => Measure(view, range, revision, wanted, request.KeysOnly), cancellationToken);
            var pieces =
                Pieces(view, range, revision, wanted, request.KeysOnly, cancellationToken).GetAsyncEnumerator(cancellationToken);
            var first = await pieces.MoveNextAsync() ? pieces.Current : [];
            return new RangeReply
            {
                Revision = state.Revision,
                Count = count,
                More = count > wanted,
                KvsLength = length,
                First = first,
                Rest = new RestOf<IReadOnlyList<ReadOnlyMemory<byte>>>(pieces),
                Pin = pin,
            };
        }
        catch
        {
            pin.Dispose();
            throw;
        }
    }

    private static (long Count, long Length) Measure(KeyspaceView view, KeyRange range, long revision, long wanted, bool keysOnly)
    {
        long taken = 0;
        long length = 0;
        var cursor = view.Index.Range(range, revision);
        while (taken < wanted && cursor.MoveNext())
        {
            var version = cursor.Current;
            length += KeyValueWire.FieldLength(KeyValueWire.EncodedLength(cursor.KeyLength, version, keysOnly));
            taken++;
        }

        return (view.Index.Count(range, revision), length);
    }

    private static async IAsyncEnumerable<IReadOnlyList<ReadOnlyMemory<byte>>> Pieces(
        KeyspaceView view, KeyRange range, long revision, long wanted, bool keysOnly, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var cursor = view.Index.Range(range, revision);
        long taken = 0;
        while (taken < wanted)
        {
            var entries = new List<Entry>(PieceEntries);
            long bytes = 0;
            while (entries.Count < PieceEntries && bytes < PieceBytes && taken < wanted && cursor.MoveNext())
            {
                entries.Add(Find(view, cursor.Key, cursor.Current, keysOnly));
                bytes += keysOnly ? 0 : cursor.Current.ValueLength;
                taken++;
            }

            if (entries.Count == 0)
                throw EtcdErrors.Compacted;

            if (!keysOnly && !await Fill(view, entries, cancellationToken))
                throw view.State.CompactRevision > revision ? EtcdErrors.Compacted : new MissingValueException(revision);

            yield return entries.ConvertAll(entry => entry.KeyValue);
        }
    }

    private readonly record struct Entry(ReadOnlyMemory<byte> Key, KeyVersion Version, ReadOnlyMemory<byte> KeyValue);

    // What an enumerator has left, as an enumerable that is walked once.
    private sealed class RestOf<T>(IAsyncEnumerator<T> rest) : IAsyncEnumerable<T>
    {
        public IAsyncEnumerator<T> GetAsyncEnumerator(CancellationToken cancellationToken) => rest;
    }
}
