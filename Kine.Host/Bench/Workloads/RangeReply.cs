namespace Kine.Host.Bench.Workloads;

/// <summary>What a client needs of a RangeResponse.</summary>
internal readonly ref struct RangeReply
{
    /// <summary>header.revision.</summary>
    public long Revision { get; private init; }

    /// <summary>Number of keys returned.</summary>
    public int Kvs { get; private init; }

    /// <summary>The last key returned, empty if there is none.</summary>
    public ReadOnlySpan<byte> LastKey { get; private init; }

    /// <summary>The limit cut the list.</summary>
    public bool More { get; private init; }

    /// <summary>Number of keys of the range.</summary>
    public long Count { get; private init; }

    /// <exception cref="InvalidDataException">The reply is malformed.</exception>
    public static RangeReply Read(ReadOnlySpan<byte> reply)
    {
        var kvs = 0;
        long count = 0;
        var more = false;
        ReadOnlySpan<byte> header = default;
        ReadOnlySpan<byte> last = default;
        var reader = new ProtoReader(reply);
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 1:
                    header = reader.Bytes;
                    break;
                case 2:
                    kvs++;
                    last = reader.Bytes;
                    break;
                case 3:
                    more = reader.Number != 0;
                    break;
                case 4:
                    count = reader.Number;
                    break;
            }
        }

        return new RangeReply
        {
            Revision = ProtoReader.NumberIn(header, 3),
            Kvs = kvs,
            LastKey = ProtoReader.BytesIn(last, 1),
            More = more,
            Count = count,
        };
    }
}
