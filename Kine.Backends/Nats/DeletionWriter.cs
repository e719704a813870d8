namespace Kine.Backends.Nats;

/// <summary>Collects deleted records by the messages they are in, each with all that is dead in it, for one message of the log.</summary>
internal sealed class DeletionWriter(MessageIndex index)
{
    private readonly ByteWriter _content = new();
    private MessageEntry _entry;
    private bool _changed;
    private long _revision;

    /// <summary>Adds the next record in log order; false when the message is full. One that is not there is passed over.</summary>
    public bool TryAdd(RecordId id)
    {
        var place = _entry.Count > 0 ? _entry.Find(id) : -1;
        if (place < 0)
        {
            if (index.Find(id) is not { } found)
                return true;

            if (_content.Length > AppendPart.MaxContent - AppendPart.MoveRoom)
                return false;

            Flush();
            (_entry, place) = found;
        }
        _changed |= _entry.Kill(place);
        return true;
    }

    /// <summary>The content; null when nothing is to be deleted.</summary>
    public ByteWriter? Finish()
    {
        Flush();
        return _content.Length > 0 ? _content : null;
    }

    private void Flush()
    {
        if (!_changed)
            return;

        _content.Signed(_entry.First.Revision - _revision);
        _content.Varint((ulong)_entry.First.Sub);
        _content.Words(_entry.Dead!);
        _revision = _entry.First.Revision;
        _changed = false;
    }
}
