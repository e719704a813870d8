namespace Kine.Backends.Nats;

/// <summary>
/// The index and the side state at one sequence, as bytes. What it does not name up to that sequence is garbage: a deletion that the server forgets (it
/// keeps them in memory for a while) brings nothing back.
/// </summary>
internal static class Checkpoint
{
    private const int Version = 1;
    private const int BytesPerMessage = 20; // with headers; more where keys were deleted out of messages of many

    /// <summary>About how many bytes one takes in the stream.</summary>
    public static long Estimate(MessageIndex index) => index.Messages * BytesPerMessage;

    /// <summary>Writes entries and side rows.</summary>
    public static ReadOnlyMemory<byte> Encode(MessageEntry[] entries, List<SideRow> side)
    {
        var writer = new ByteWriter();
        writer.Varint(Version);
        writer.Varint((ulong)side.Count);
        foreach (var row in side)
            SideRows.Write(writer, row);

        writer.Varint((ulong)entries.Length);
        ulong sequence = 0;
        long revision = 0;
        foreach (ref readonly var entry in entries.AsSpan())
        {
            writer.Signed((long)(entry.Sequence - sequence));
            writer.Signed(entry.First.Revision - revision);
            (sequence, revision) = (entry.Sequence, entry.First.Revision);
            writer.Varint((ulong)entry.First.Sub);
            writer.Varint(entry.Count);
            writer.Varint(entry.Chunks);
            writer.Varint((ulong)entry.Bytes);
            writer.Byte((byte)((entry.SubsCount ? 1 : 0) | (entry.Ids is null ? 0 : 2) | (entry.Dead is null ? 0 : 4)));
            if (entry.Ids is { } ids)
                writer.Block(ids);

            if (entry.Dead is { } dead)
                writer.Words(dead);
        }
        return writer.Written;
    }

    /// <summary>Reads what <see cref="Encode"/> wrote.</summary>
    public static void Decode(ReadOnlySpan<byte> bytes, MessageIndex index, SideRows side)
    {
        var reader = new ByteReader(bytes);
        if (reader.Varint() is var version and not Version)
            throw new StoreRefusedException($"the log's checkpoint has version {version}, this program knows {Version}: it was written by a newer kine");

        for (var left = reader.Count(); left > 0; left--)
            side.Apply(SideRows.Read(ref reader));

        ulong sequence = 0;
        long revision = 0;
        for (var left = reader.Count(); left > 0; left--)
        {
            sequence += (ulong)reader.Signed();
            revision += reader.Signed();
            var entry = new MessageEntry
            {
                Sequence = sequence,
                First = new RecordId(revision, reader.Count()),
                Count = (ushort)reader.Count(),
                Chunks = (ushort)reader.Count(),
                Bytes = reader.Count(),
            };
            var flags = reader.Byte();
            entry.SubsCount = (flags & 1) != 0;
            entry.Ids = (flags & 2) == 0 ? null : reader.Block().ToArray();
            if ((flags & 4) != 0)
                entry.SetDead(reader.Words());

            index.Add(entry);
        }
    }
}
