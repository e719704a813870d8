using System.Buffers;
using System.Text;
using Kine.Grains.Values;

namespace Kine.Grains.Watch;

/// <summary>
/// One WatchResponse (etcd v3 API, Watch.Watch) ready to be written: its own few bytes, and events that are shared with other watchers. Belongs to
/// the stream that gave it and is valid until that is asked for the next one.
/// </summary>
public sealed class WatchReply
{
    private const int MaxHead = 128; // bytes: all fields but events and cancel_reason

    private readonly List<Slice> _slices = [];
    private readonly byte[] _head = new byte[MaxHead];
    private byte[] _reason = [];
    private int _headLength;
    private Place _next; // first event not yet written
    private Place _end; // end of the events of this message
    private bool _headWritten;
    private ControlReply _fields;
    private ReplyIdentity? _identity;

    internal WatchReply()
    {
    }

    /// <summary>Bytes of the message.</summary>
    public long Length { get; private set; }

    /// <summary>Events in all of the reply, fragments included; 0 for created, cancelled and progress replies.</summary>
    public int EventCount { get; private set; }

    /// <summary>True when more fragments of the same reply follow.</summary>
    internal bool HasMoreFragments => _end.Slice < _slices.Count;

    /// <summary>Bytes of the events put in so far.</summary>
    internal long EventBytes { get; private set; }

    /// <summary>
    /// Writes the message, or as much of it as makes at least <paramref name="enough"/> bytes; true when it is complete. Flush in between, so that a
    /// reply of many events is never held whole.
    /// </summary>
    public bool Write(IBufferWriter<byte> output, int enough)
    {
        long written = 0;
        if (!_headWritten)
        {
            output.Write(_head.AsSpan(0, _headLength));
            if (_reason.Length > 0)
                output.Write(_reason);

            written = _headLength + _reason.Length;
            _headWritten = true;
        }

        while (_next != _end)
        {
            if (written >= enough)
                return false;

            var slice = _slices[_next.Slice];
            var e = slice.Run.Events[_next.Event];
            var previous = slice.Run.PreviousOf(_next.Event);
            EventWire.WriteField(output, e, previous);
            written += e.KeyValue.Length + previous.Length;
            Step(ref _next);
        }

        return true;
    }

    internal void Begin(ReplyIdentity identity)
    {
        _slices.Clear();
        (EventCount, EventBytes) = (0, 0);
        _identity = identity;
    }

    /// <summary>Lets go of the events, so that an idle stream keeps none in memory.</summary>
    internal void Release() => _slices.Clear();

    /// <summary>Adds the runs of the reply that the ring has outrun since the last time.</summary>
    internal void CollectOutrun(long firstInRing, List<EventRun> into)
    {
        foreach (var slice in _slices)
        {
            if (slice.Run.TryMarkOutrun(firstInRing))
                into.Add(slice.Run);
        }
    }

    internal void Add(EventRun run, int from)
    {
        var end = run.Events.Length;
        _slices.Add(new Slice(run, from, end));
        EventCount += end - from;
        EventBytes += run.LengthOf(from, end);
    }

    internal void End(in ControlReply fields, long fragmentBytes)
    {
        _fields = fields;
        _reason = fields.CancelReason is null ? [] : Encoding.UTF8.GetBytes(fields.CancelReason);
        _next = _end = _slices.Count > 0 ? new Place(0, _slices[0].From) : default;
        MoveToFragment(fragmentBytes);
    }

    /// <summary>Goes on to the next message of a reply that is split: as many events as stay below the limit, at least one.</summary>
    internal void MoveToFragment(long fragmentBytes)
    {
        _next = _end;
        WriteHead(fragment: false);
        var rest = EventBytes;
        if (_headLength + rest < fragmentBytes || EventCount < 2)
        {
            _end = new Place(_slices.Count, 0);
            Length = _headLength + _reason.Length + rest;
            return;
        }

        WriteHead(fragment: true);
        long taken = 0;
        for (var count = 0; _end.Slice < _slices.Count; count++)
        {
            var slice = _slices[_end.Slice];
            var length = EventWire.FieldLength(slice.Run.Events[_end.Event], slice.Run.PreviousOf(_end.Event));
            if (count > 0 && _headLength + taken + length >= fragmentBytes)
                break;

            taken += length;
            Step(ref _end);
        }

        if (_end.Slice == _slices.Count)
            WriteHead(fragment: false);

        EventBytes -= taken;
        Length = _headLength + _reason.Length + taken;
    }

    private void Step(ref Place place)
    {
        place = place.Event + 1 < _slices[place.Slice].End
            ? place with { Event = place.Event + 1 }
            : new Place(place.Slice + 1, place.Slice + 1 < _slices.Count ? _slices[place.Slice + 1].From : 0);
    }

    private void WriteHead(bool fragment)
    {
        var identity = _identity!;
        Span<byte> header = stackalloc byte[48];
        var length = Varint(header, 0, 1, identity.ClusterId);
        length = Varint(header, length, 2, identity.MemberId);
        length = Varint(header, length, 3, (ulong)_fields.Revision);
        length = Varint(header, length, 4, identity.Term);

        Span<byte> head = _head;
        head[0] = (1 << 3) | 2;
        var at = KeyValueWire.WriteVarint(head, 1, (ulong)length);
        header[..length].CopyTo(head[at..]);
        at += length;
        at = Varint(head, at, 2, (ulong)_fields.WatchId);
        at = Varint(head, at, 3, _fields.Created ? 1UL : 0);
        at = Varint(head, at, 4, _fields.Canceled ? 1UL : 0);
        at = Varint(head, at, 5, (ulong)_fields.CompactRevision);
        at = Varint(head, at, 7, fragment ? 1UL : 0);
        if (_reason.Length > 0)
        {
            head[at++] = (6 << 3) | 2;
            at = KeyValueWire.WriteVarint(head, at, (ulong)_reason.Length);
        }

        _headLength = at;
        _headWritten = false;
    }

    private static int Varint(Span<byte> output, int at, int field, ulong value)
    {
        if (value == 0)
            return at;

        output[at] = (byte)(field << 3);
        return KeyValueWire.WriteVarint(output, at + 1, value);
    }

    private readonly record struct Slice(EventRun Run, int From, int End);

    private readonly record struct Place(int Slice, int Event);
}
