namespace Kine.Host.Bench.Http2;

/// <summary>
/// Decoder of one connection's header blocks (RFC 7541). Indexed fields, the usual case of a gRPC reply, cost no allocation.
/// Not thread-safe: one read loop owns it.
/// </summary>
public sealed class HpackDecoder
{
    private const int LargestInteger = 1 << 24;

    private readonly int _allowedTableSize;

    // A ring: the newest entry stands at _newest, older ones below it.
    private HeaderField[] _entries = new HeaderField[64];
    private int _newest;
    private int _count;
    private int _tableSize;
    private int _tableLimit;

    /// <summary>Creates a decoder whose table size, in bytes, is what our SETTINGS_HEADER_TABLE_SIZE says.</summary>
    public HpackDecoder(int tableSize = 4096) => _allowedTableSize = _tableLimit = tableSize;

    /// <summary>Bytes the dynamic table holds now, as HPACK counts them.</summary>
    public int TableSize => _tableSize;

    /// <summary>Decodes a whole block and gives each field to <paramref name="sink"/> in order.</summary>
    /// <exception cref="Http2Exception">The block is malformed.</exception>
    public void Decode(ReadOnlySpan<byte> block, IHeaderSink sink)
    {
        var fieldSeen = false;
        while (!block.IsEmpty)
        {
            var first = block[0];
            if ((first & 0x80) != 0)
            {
                fieldSeen = true;
                sink.OnHeader(Lookup(ReadInteger(ref block, 7)));
            }
            else if ((first & 0xe0) == 0x20)
            {
                var limit = ReadInteger(ref block, 5);
                if (fieldSeen || limit > _allowedTableSize)
                {
                    throw Malformed("dynamic table size update");
                }

                _tableLimit = limit;
                Evict(0);
            }
            else
            {
                fieldSeen = true;
                var indexed = (first & 0x40) != 0;
                var nameIndex = ReadInteger(ref block, indexed ? 6 : 4);
                var name = nameIndex == 0 ? ReadString(ref block) : Lookup(nameIndex).NameArray;
                var field = new HeaderField(name, ReadString(ref block));
                if (indexed)
                {
                    Insert(field);
                }

                sink.OnHeader(field);
            }
        }
    }

    private static int ReadInteger(ref ReadOnlySpan<byte> block, int prefixBits)
    {
        var mask = (1 << prefixBits) - 1;
        var value = block[0] & mask;
        var read = 1;
        if (value == mask)
        {
            var shift = 0;
            byte octet;
            do
            {
                if (read == block.Length || shift > 21)
                {
                    throw Malformed("integer");
                }

                octet = block[read++];
                value += (octet & 0x7f) << shift;
                shift += 7;
            }
            while ((octet & 0x80) != 0);

            if (value > LargestInteger)
            {
                throw Malformed("integer");
            }
        }

        block = block[read..];
        return value;
    }

    private static byte[] ReadString(ref ReadOnlySpan<byte> block)
    {
        if (block.IsEmpty)
        {
            throw Malformed("string");
        }

        var huffman = (block[0] & 0x80) != 0;
        var length = ReadInteger(ref block, 7);
        if (length > block.Length)
        {
            throw Malformed("string");
        }

        var text = block[..length];
        block = block[length..];
        return huffman ? Huffman.Decode(text) : text.ToArray();
    }

    private static Http2Exception Malformed(string what) =>
        new(Http2ErrorCode.CompressionError, $"malformed header block: {what}");

    private HeaderField Lookup(int index)
    {
        if (index == 0)
        {
            throw Malformed("index 0");
        }

        if (index <= HpackStaticTable.Count)
        {
            return HpackStaticTable.Get(index);
        }

        var age = index - HpackStaticTable.Count - 1;
        if (age >= _count)
        {
            throw Malformed("index beyond the dynamic table");
        }

        return _entries[(_newest - age) & (_entries.Length - 1)];
    }

    private void Insert(HeaderField field)
    {
        Evict(field.TableSize);

        // An entry larger than the whole table empties it and is not stored.
        if (field.TableSize > _tableLimit)
        {
            return;
        }

        if (_count == _entries.Length)
        {
            Grow();
        }

        _newest = (_newest + 1) & (_entries.Length - 1);
        _entries[_newest] = field;
        _count++;
        _tableSize += field.TableSize;
    }

    private void Evict(int incoming)
    {
        while (_count > 0 && _tableSize + incoming > _tableLimit)
        {
            var oldest = (_newest - _count + 1) & (_entries.Length - 1);
            _tableSize -= _entries[oldest].TableSize;
            _count--;
        }
    }

    private void Grow()
    {
        var larger = new HeaderField[_entries.Length * 2];
        for (var age = 0; age < _count; age++)
        {
            larger[_count - 1 - age] = _entries[(_newest - age) & (_entries.Length - 1)];
        }

        _newest = _count - 1;
        _entries = larger;
    }
}
