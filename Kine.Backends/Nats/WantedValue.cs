namespace Kine.Backends.Nats;

/// <summary>One value to be read.</summary>
/// <param name="Entry">The message that holds it.</param>
/// <param name="Place">The record's place in the message.</param>
/// <param name="Index">Where it goes among the values asked for.</param>
internal readonly record struct WantedValue(MessageEntry Entry, int Place, int Index)
{
    /// <summary>Takes values that are all wanted from one message, in the order of their places, out of it as it arrived.</summary>
    public static void Take(
        ReadOnlySpan<WantedValue> wanted, ReadOnlySpan<byte> content, ReadOnlySpan<byte> payload, bool moved, byte[]?[] values)
    {
        var records = LogMessage.Records(content, moved);
        var next = 0;
        for (var place = 0; next < wanted.Length; place++)
        {
            if (!records.TryRead(out var record))
                throw ByteReader.Damaged();

            for (; next < wanted.Length && wanted[next].Place == place; next++)
                values[wanted[next].Index] = LogMessage.Slice(payload, record.ValueOffset, record.Metadata.ValueLength).ToArray();
        }
    }
}
