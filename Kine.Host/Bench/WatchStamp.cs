using System.Buffers.Binary;

namespace Kine.Host.Bench;

/// <summary>What a watched value begins with: the round that wrote it, and when.</summary>
/// <param name="Round">Number of the round.</param>
/// <param name="Timestamp">Stopwatch timestamp of the sending.</param>
internal readonly record struct WatchStamp(long Round, long Timestamp)
{
    public const int Size = 16;

    public static WatchStamp Read(ReadOnlySpan<byte> value) => value.Length < Size
        ? default
        : new WatchStamp(BinaryPrimitives.ReadInt64BigEndian(value), BinaryPrimitives.ReadInt64BigEndian(value[8..]));

    public void Write(Span<byte> value)
    {
        BinaryPrimitives.WriteInt64BigEndian(value, Round);
        BinaryPrimitives.WriteInt64BigEndian(value[8..], Timestamp);
    }
}
