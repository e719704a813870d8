namespace Kine.Host.Bench;

/// <summary>Walks over the fields of a protobuf message without building objects.</summary>
internal ref struct ProtoReader(ReadOnlySpan<byte> message)
{
    private ReadOnlySpan<byte> _rest = message;

    /// <summary>Number of the current field.</summary>
    public int Field { get; private set; }

    /// <summary>Value of a varint field.</summary>
    public long Number { get; private set; }

    /// <summary>Value of a length-delimited field.</summary>
    public ReadOnlySpan<byte> Bytes { get; private set; }

    /// <summary>The first value of a varint field, or 0.</summary>
    public static long NumberIn(ReadOnlySpan<byte> message, int field)
    {
        var reader = new ProtoReader(message);
        while (reader.Next())
        {
            if (reader.Field == field)
            {
                return reader.Number;
            }
        }

        return 0;
    }

    /// <summary>The first value of a length-delimited field, or empty.</summary>
    public static ReadOnlySpan<byte> BytesIn(ReadOnlySpan<byte> message, int field)
    {
        var reader = new ProtoReader(message);
        while (reader.Next())
        {
            if (reader.Field == field)
            {
                return reader.Bytes;
            }
        }

        return default;
    }

    /// <summary>Goes on to the next field; false at the end.</summary>
    /// <exception cref="InvalidDataException">The message is malformed.</exception>
    public bool Next()
    {
        if (_rest.IsEmpty)
        {
            return false;
        }

        var tag = Varint();
        Field = (int)(tag >> 3);
        switch (tag & 7)
        {
            case 0:
                Number = (long)Varint();
                Bytes = default;
                return true;
            case 2:
                var length = Varint();
                if (length > (ulong)_rest.Length)
                {
                    throw Malformed();
                }

                Bytes = _rest[..(int)length];
                _rest = _rest[(int)length..];
                return true;
            default:
                throw Malformed();
        }
    }

    private static InvalidDataException Malformed() => new("malformed protobuf reply");

    private ulong Varint()
    {
        ulong value = 0;
        for (var index = 0; index < _rest.Length && index < 10; index++)
        {
            value |= (ulong)(_rest[index] & 0x7f) << (7 * index);
            if (_rest[index] >= 0x80)
            {
                continue;
            }

            _rest = _rest[(index + 1)..];
            return value;
        }

        throw Malformed();
    }
}
