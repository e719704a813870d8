namespace Kine.Backends.Nats;

/// <summary>One record as a message's content describes it.</summary>
/// <param name="Metadata">All but key and value.</param>
/// <param name="Key">Key bytes; empty when they are in the payload.</param>
/// <param name="KeyInPayload">Bytes of the key that stand before the value in the payload; 0 when the key is in the header.</param>
/// <param name="Offset">Where key or value begin in the payload, leading chunks included.</param>
internal readonly ref struct StoredRecord(RecordMetadata metadata, ReadOnlySpan<byte> key, int keyInPayload, int offset)
{
    public readonly RecordMetadata Metadata = metadata;
    public readonly ReadOnlySpan<byte> Key = key;
    public readonly int KeyInPayload = keyInPayload;
    public readonly int Offset = offset;

    /// <summary>The record's place in the log.</summary>
    public RecordId Id => new(Metadata.Revision, Metadata.Sub);

    /// <summary>Where the value begins in the payload.</summary>
    public int ValueOffset => Offset + KeyInPayload;
}
