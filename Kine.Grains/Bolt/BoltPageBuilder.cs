using System.Buffers;
using System.Buffers.Binary;

namespace Kine.Grains.Bolt;

/// <summary>One leaf or branch page under construction. When only lengths are counted, of the bytes only the first key and the last are kept.</summary>
internal sealed class BoltPageBuilder(ushort flags, bool countsOnly)
{
    private readonly List<Element> _elements = [];
    private readonly ArrayBufferWriter<byte> _data = new();
    private long _dataLength;

    /// <summary>Entries so far.</summary>
    public int Count => _elements.Count;

    /// <summary>The first key; empty while there is none.</summary>
    public byte[] FirstKey { get; private set; } = [];

    /// <summary>Pages it takes.</summary>
    public uint Pages => (uint)((Length + BoltFormat.PageSize - 1) / BoltFormat.PageSize);

    private long Length => BoltFormat.HeaderLength + ((long)_elements.Count * BoltFormat.ElementLength) + _dataLength;

    /// <summary>True when one more entry of so many bytes stays within a page, or the page is empty.</summary>
    public bool Fits(long bytes) => _elements.Count == 0 || Length + BoltFormat.ElementLength + bytes <= BoltFormat.PageSize;

    /// <summary>Adds a leaf entry; without its value's bytes when only lengths are counted.</summary>
    public void AddEntry(ReadOnlySpan<byte> key, uint elementFlags, int valueLength, ReadOnlySpan<byte> value)
    {
        Add(new Element(elementFlags, key.Length, valueLength, 0), key, value);
        _dataLength += valueLength;
    }

    /// <summary>Adds a child of a branch.</summary>
    public void AddChild(byte[] firstKey, ulong page) => Add(new Element(0, firstKey.Length, 0, page) { Key = firstKey }, firstKey, default);

    /// <summary>Takes the last child of a branch away again.</summary>
    public (byte[] FirstKey, ulong Page) TakeLastChild()
    {
        var last = _elements[^1];
        _elements.RemoveAt(_elements.Count - 1);
        _dataLength -= last.KeyLength;
        return (last.Key!, last.Page);
    }

    /// <summary>Empties it for the next page.</summary>
    public void Clear()
    {
        _elements.Clear();
        _data.ResetWrittenCount();
        _dataLength = 0;
        FirstKey = [];
    }

    /// <summary>Writes the page and, behind it, what overflows it.</summary>
    public void Write(ulong id, IBufferWriter<byte> output)
    {
        var length = checked((int)Pages * BoltFormat.PageSize);
        var page = output.GetSpan(length)[..length];
        page.Clear();
        BoltFormat.WriteHeader(page, id, flags, _elements.Count, Pages - 1);
        var at = BoltFormat.HeaderLength;
        var data = at + (_elements.Count * BoltFormat.ElementLength);
        // A child that was taken away left its key behind at the end.
        _data.WrittenSpan[..(int)_dataLength].CopyTo(page[data..]);
        foreach (var element in _elements)
        {
            var target = page.Slice(at, BoltFormat.ElementLength);
            if (flags == BoltFormat.Leaf)
            {
                BinaryPrimitives.WriteUInt32LittleEndian(target, element.Flags);
                BinaryPrimitives.WriteInt32LittleEndian(target[4..], data - at);
                BinaryPrimitives.WriteInt32LittleEndian(target[8..], element.KeyLength);
                BinaryPrimitives.WriteInt32LittleEndian(target[12..], element.ValueLength);
            }
            else
            {
                BinaryPrimitives.WriteInt32LittleEndian(target, data - at);
                BinaryPrimitives.WriteInt32LittleEndian(target[4..], element.KeyLength);
                BinaryPrimitives.WriteUInt64LittleEndian(target[8..], element.Page);
            }

            at += BoltFormat.ElementLength;
            data += element.KeyLength + element.ValueLength;
        }

        output.Advance(length);
    }

    private void Add(Element element, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        if (_elements.Count == 0)
            FirstKey = key.ToArray();

        _elements.Add(element);
        _dataLength += key.Length;
        if (!countsOnly)
        {
            _data.Write(key);
            _data.Write(value);
        }
    }

    private readonly record struct Element(uint Flags, int KeyLength, int ValueLength, ulong Page)
    {
        public byte[]? Key { get; init; }
    }
}
