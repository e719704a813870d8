using System.Buffers.Binary;
using Kine.Backends;

namespace Kine.Grains.Values;

/// <summary>
/// A key of etcd's bucket <c>key</c>: main revision (8 bytes, big-endian), <c>_</c>, sub revision (8 bytes), and <c>t</c> behind it for a tombstone.
/// Compaction marks in the bucket <c>meta</c> have the same form.
/// </summary>
internal static class BucketKey
{
    /// <summary>Bytes of the longer form.</summary>
    public const int MaxLength = 18;

    private const int PlainLength = 17;

    /// <summary>Writes the key into a buffer of <see cref="MaxLength"/>; returns the part that counts.</summary>
    public static ReadOnlySpan<byte> Write(Span<byte> target, RecordId id, bool tombstone)
    {
        BinaryPrimitives.WriteInt64BigEndian(target, id.Revision);
        target[8] = (byte)'_';
        BinaryPrimitives.WriteInt64BigEndian(target[9..], id.Sub);
        target[PlainLength] = (byte)'t';
        return target[..(tombstone ? MaxLength : PlainLength)];
    }

    /// <summary>Reads a key; false when it has another form.</summary>
    public static bool TryRead(ReadOnlySpan<byte> key, out RecordId id, out bool tombstone)
    {
        id = default;
        tombstone = key.Length == MaxLength && key[PlainLength] == 't';
        if ((key.Length != PlainLength && !tombstone) || key[8] != '_')
            return false;

        var revision = BinaryPrimitives.ReadInt64BigEndian(key);
        var sub = BinaryPrimitives.ReadInt64BigEndian(key[9..]);
        id = new RecordId(revision, unchecked((int)sub));
        return revision >= 0 && sub is >= 0 and <= int.MaxValue;
    }
}
