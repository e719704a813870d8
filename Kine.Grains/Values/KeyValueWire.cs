using System.Numerics;
using Kine.Backends;
using Kine.Grains.Index;

namespace Kine.Grains.Values;

/// <summary>
/// The wire form of mvccpb.KeyValue (etcd v3 API, kv.proto): key=1, create_revision=2, mod_revision=3, version=4, value=5, lease=6, in this
/// order, fields that are zero left out, byte for byte what etcd sends. Of a tombstone there are key and mod_revision only.
/// </summary>
public static class KeyValueWire
{
    /// <summary>Most bytes of a varint.</summary>
    public const int MaxVarint = 10;

    private const byte KeyTag = 1 << 3 | 2;
    private const byte CreateTag = 2 << 3;
    private const byte ModTag = 3 << 3;
    private const byte VersionTag = 4 << 3;
    private const byte ValueTag = 5 << 3 | 2;
    private const byte LeaseTag = 6 << 3;

    /// <summary>Marshals one version with its value; the value of a tombstone is ignored.</summary>
    public static byte[] Encode(ReadOnlySpan<byte> key, in KeyVersion version, ReadOnlySpan<byte> value)
    {
        if (version.IsTombstone)
            value = default;

        var encoded = new byte[Length(key.Length, version, value.Length)];
        Write(encoded, key, version, value);
        return encoded;
    }

    /// <summary>Marshals one version without its value, as keys_only asks; the lease stays.</summary>
    public static byte[] EncodeKeysOnly(ReadOnlySpan<byte> key, in KeyVersion version) => Encode(key, version, default);

    /// <summary>Marshals a record as etcd's bucket <c>key</c> stores it: of a tombstone there is the key only.</summary>
    public static byte[] EncodeStored(in LogRecord record) =>
        Encode(record.Key.Span, record.Tombstone ? default : KeyVersion.Of(record), record.Tombstone ? default : record.Value.Span);

    /// <summary>Bytes of the marshaled form, from what the index knows.</summary>
    public static int EncodedLength(int keyLength, in KeyVersion version, bool keysOnly) =>
        Length(keyLength, version, keysOnly || version.IsTombstone ? 0 : version.ValueLength);

    /// <summary>Bytes that a marshaled pair takes as a field of another message, with a one-byte tag and its length.</summary>
    public static long FieldLength(int length) => 1 + VarintLength((uint)length) + length;

    /// <summary>The key inside a marshaled pair, not copied.</summary>
    public static ReadOnlyMemory<byte> Key(ReadOnlyMemory<byte> encoded) => Field(encoded, KeyTag);

    /// <summary>The value inside a marshaled pair, not copied; empty when it has none.</summary>
    public static ReadOnlyMemory<byte> Value(ReadOnlyMemory<byte> encoded) => Field(encoded, ValueTag);

    internal static int Length(int keyLength, in KeyVersion version, int valueLength) =>
        BytesLength(keyLength)
        + NumberLength(version.Create)
        + NumberLength(version.Mod)
        + NumberLength(version.Version)
        + BytesLength(valueLength)
        + NumberLength(version.Lease);

    internal static void Write(Span<byte> target, ReadOnlySpan<byte> key, in KeyVersion version, ReadOnlySpan<byte> value)
    {
        var at = WriteBytes(target, 0, KeyTag, key);
        at = WriteNumber(target, at, CreateTag, version.Create);
        at = WriteNumber(target, at, ModTag, version.Mod);
        at = WriteNumber(target, at, VersionTag, version.Version);
        at = WriteBytes(target, at, ValueTag, value);
        WriteNumber(target, at, LeaseTag, version.Lease);
    }

    private static int BytesLength(int length) => length == 0 ? 0 : 1 + VarintLength((uint)length) + length;

    private static int NumberLength(long number) => number == 0 ? 0 : 1 + VarintLength((ulong)number);

    private static int VarintLength(ulong number) => (BitOperations.Log2(number | 1) + 7) / 7;

    private static int WriteBytes(Span<byte> target, int at, byte tag, ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty)
            return at;

        target[at++] = tag;
        at = WriteVarint(target, at, (uint)bytes.Length);
        bytes.CopyTo(target[at..]);
        return at + bytes.Length;
    }

    private static int WriteNumber(Span<byte> target, int at, byte tag, long number)
    {
        if (number == 0)
            return at;

        target[at++] = tag;
        return WriteVarint(target, at, (ulong)number);
    }

    /// <summary>Writes a varint at a place; returns the place behind it.</summary>
    public static int WriteVarint(Span<byte> target, int at, ulong number)
    {
        while (number > 0x7f)
        {
            target[at++] = (byte)(number | 0x80);
            number >>= 7;
        }

        target[at++] = (byte)number;
        return at;
    }

    private static ReadOnlyMemory<byte> Field(ReadOnlyMemory<byte> encoded, byte wanted)
    {
        var bytes = encoded.Span;
        var at = 0;
        while (at < bytes.Length)
        {
            var tag = bytes[at++];
            var number = ReadVarint(bytes, ref at);
            if ((tag & 7) != 2)
                continue;

            if (tag == wanted)
                return encoded.Slice(at, (int)number);

            at += (int)number;
        }

        return default;
    }

    private static ulong ReadVarint(ReadOnlySpan<byte> bytes, ref int at)
    {
        ulong number = 0;
        for (var shift = 0; ; shift += 7)
        {
            var part = bytes[at++];
            number |= (ulong)(part & 0x7f) << shift;
            if (part < 0x80)
                return number;
        }
    }
}
