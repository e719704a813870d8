using System.Runtime.CompilerServices;
using Kine.Etcd;
using Kine.Grains.Index;
using Kine.Grains.Values;

namespace Kine.Grains.Reads;

/// <summary>
/// A range at one revision, as long as compaction lets it be read, which is its owner's care. First it is measured, from the index alone; then its pairs are read
/// a piece at a time, as they are sent:
/// <code>
/// key order     walked twice
/// other orders  walked once into a list of places, 40 bytes a key, which is sorted; by value with the values
/// </code>
/// </summary>
public sealed class RangeAt(KeyspaceView view, RangeRequest request, long revision) : IDisposable
{
    private const int PieceEntries = 1024;
    private const int FewKeys = 4096; // are walked at once

    private readonly KeyRange _range = new(request.Key.Memory, request.RangeEnd.Memory);
    private readonly List<IDisposable> _room = [];
    private List<Ranked>? _sorted;

    /// <summary>Keys of the range, before limit and filters.</summary>
    public long Count { get; private set; }

    /// <summary>Pairs of the reply.</summary>
    public long Pairs { get; private set; }

    /// <summary>True when the limit cut the list.</summary>
    public bool More { get; private set; }

    /// <summary>Bytes of all <c>kvs</c> fields of the reply; more than a message can have as soon as they are.</summary>
    public long KvsLength { get; private set; }

    private KeyspaceView View => view;

    private RangeRequest Request => request;

    private long Revision => revision;

    private bool IsByValue => request.SortTarget == RangeRequest.Types.SortTarget.Value;

    /// <summary>True when compaction did not wait any longer: what was measured may be too little.</summary>
    public bool IsGone => view.Index.CompactedRevision > revision;

    /// <summary>Finds out everything but the pairs. Once.</summary>
    public async Task Measure(CancellationToken cancellationToken)
    {
        if (request.Revision > 0)
            await view.Values.Room.Walk(() => Count = view.Index.Count(_range, revision), cancellationToken); // an old one takes a walk
        else
            Count = view.Index.Count(_range, revision);

        if (request.CountOnly || Count == 0)
            return;

        if (!RangeRules.IsKeyOrder(request))
            await Sort(cancellationToken);

        await WalkPairs(MeasurePairs, cancellationToken);
    }

    /// <summary>The pairs as marshaled mvccpb.KeyValue, after <see cref="Measure"/>, once.</summary>
    public async IAsyncEnumerable<IReadOnlyList<ReadOnlyMemory<byte>>> Pieces([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        _room.Add(view.Values.Room.Send());
        if (_sorted is null && Pairs > 0 && !RangeRules.IsKeyOrder(request))
            await Sort(cancellationToken); // it was disposed of in between

        var walk = new Walk(this);
        for (long taken = 0; taken < Pairs;)
        {
            var entries = new List<PairEntry>(PieceEntries);
            long bytes = 0;
            while (entries.Count < PieceEntries && bytes < view.Values.Room.PieceBytes && taken < Pairs && walk.MoveNext())
            {
                entries.Add(walk.Entry());
                bytes += walk.KeyLength + (request.KeysOnly ? 0 : walk.Version.ValueLength);
                taken++;
            }

            if (entries.Count == 0)
                throw EtcdErrors.Compacted;

            if (!request.KeysOnly && !await PairEntry.Fill(view, entries, cancellationToken))
                throw Missing();

            yield return entries.ConvertAll(static entry => entry.KeyValue);
        }
    }

    /// <summary>Gives memory back; what it takes for <see cref="Pieces"/> is taken again.</summary>
    public void Dispose()
    {
        _sorted = null;
        _room.ForEach(static part => part.Dispose());
        _room.Clear();
    }

    // The writer hears of its own compactions first.
    private Exception Missing() =>
        view.State.CompactRevision > revision || view.Changes is null ? EtcdErrors.Compacted : new MissingValueException(revision);

    private Task WalkPairs(Action walk, CancellationToken cancellationToken)
    {
        if (Count > FewKeys)
            return view.Values.Room.Walk(walk, cancellationToken);

        walk();
        return Task.CompletedTask;
    }

    private void MeasurePairs()
    {
        var walk = new Walk(this);
        while (KvsLength <= int.MaxValue && walk.MoveNext())
        {
            if (Pairs == request.Limit && Pairs > 0)
            {
                More = true;
                return;
            }

            KvsLength += KeyValueWire.FieldLength(KeyValueWire.EncodedLength(walk.KeyLength, walk.Version, request.KeysOnly));
            Pairs++;
        }
    }

    private async Task Sort(CancellationToken cancellationToken)
    {
        var fetch = RangeRules.Fetch(request);
        var most = fetch > 0 ? Math.Min(fetch, Count) : Count;
        _room.Add(view.Values.Room.Take(most * Unsafe.SizeOf<Ranked>()));
        var ranked = new List<Ranked>((int)most);
        await WalkPairs(() => Gather(ranked, most), cancellationToken);
        if (IsByValue)
            await ReadValues(ranked, cancellationToken);

        await WalkPairs(
            () => RangeRules.Sort(request, ranked, static entry => entry.Number, static entry => KeyValueWire.Value(entry.KeyValue)), cancellationToken);
        _sorted = ranked;
    }

    private void Gather(List<Ranked> ranked, long most)
    {
        var cursor = view.Index.Range(_range, revision);
        while (ranked.Count < most && cursor.MoveNext())
        {
            if (RangeRules.Passes(request, cursor.Current))
                ranked.Add(new Ranked(cursor.Place, RangeRules.SortNumber(request, cursor.Current), default));
        }
    }

    private async Task ReadValues(List<Ranked> ranked, CancellationToken cancellationToken)
    {
        for (var start = 0; start < ranked.Count; start += PieceEntries)
        {
            var entries = new List<PairEntry>(PieceEntries);
            long bytes = 0;
            foreach (var entry in ranked.Skip(start).Take(PieceEntries))
            {
                var version = VersionAt(entry.Place);
                entries.Add(PairEntry.Find(view, entry.Place.Key(), version, keysOnly: false));
                bytes += KeyValueWire.EncodedLength(entry.Place.KeyLength, version, keysOnly: false);
            }

            _room.Add(view.Values.Room.Take(bytes));
            if (!await PairEntry.Fill(view, entries, cancellationToken))
                throw Missing();

            for (var i = 0; i < entries.Count; i++)
                ranked[start + i] = ranked[start + i] with { KeyValue = entries[i].KeyValue };
        }
    }

    private KeyVersion VersionAt(KeyPlace place) => view.Index.TryGet(place, revision, out var version) ? version : throw EtcdErrors.Compacted;

    private readonly record struct Ranked(KeyPlace Place, long Number, ReadOnlyMemory<byte> KeyValue);

    // Goes over the pairs in the reply's order, past its limit too.
    private sealed class Walk(RangeAt range)
    {
        private readonly RangeCursor? _cursor = range._sorted is null ? range.View.Index.Range(range._range, range.Revision) : null;
        private int _next;
        private KeyVersion _version;
        private KeyPlace _place;
        private ReadOnlyMemory<byte> _keyValue;

        public ref readonly KeyVersion Version => ref _version;

        public int KeyLength => _place.KeyLength;

        public bool MoveNext()
        {
            if (range._sorted is { } sorted)
            {
                if (_next == sorted.Count)
                    return false;

                (_place, _, _keyValue) = sorted[_next++];
                _version = range.VersionAt(_place);
                return true;
            }

            while (_cursor!.MoveNext())
            {
                _version = _cursor.Current;
                _place = _cursor.Place;
                if (RangeRules.Passes(range.Request, _version))
                    return true;
            }

            return false;
        }

        public PairEntry Entry()
        {
            if (!_keyValue.IsEmpty && !range.Request.KeysOnly)
                return new PairEntry(default, _version, _keyValue);

            return PairEntry.Find(range.View, _cursor is null ? _place.Key() : _cursor.Key, _version, range.Request.KeysOnly);
        }
    }
}
