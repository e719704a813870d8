using System.Buffers.Binary;

namespace Kine.Grains.Bolt;

/// <summary>
/// The layout of a bbolt database file (etcd's storage format), little-endian throughout. A worked example, one bucket of three entries:
/// <code>
/// page 0, 1   meta      magic, version, page size, root page, freelist page, number of pages, transaction id, checksum; the higher id counts
/// page 2      freelist  no free page
/// page 3      leaf      entries of the bucket: element = (flags, offset of the key from the element itself, key length, value length)
/// page 4      leaf      the root: bucket name -> (root page of the bucket, sequence), flagged as a bucket
/// </code>
/// A bucket of more than one leaf has branch pages: element = (offset of the key, key length, page), the key being the first one below. What does
/// not fit a page goes on in the pages behind it (overflow).
/// </summary>
internal static class BoltFormat
{
    /// <summary>Bytes of a page in the files written here.</summary>
    public const int PageSize = 4096;

    /// <summary>Bytes of a page's header: id 8, flags 2, count 2, overflow 4.</summary>
    public const int HeaderLength = 16;

    /// <summary>Bytes of a leaf or branch element.</summary>
    public const int ElementLength = 16;

    /// <summary>Bytes of the meta record behind its page's header.</summary>
    public const int MetaLength = 64;

    /// <summary>Bytes of a bucket's entry in its parent: root page and sequence. An inline bucket's only page follows, and its root page is 0.</summary>
    public const int BucketLength = 16;

    /// <summary>Page flag: branch.</summary>
    public const ushort Branch = 0x01;

    /// <summary>Page flag: leaf.</summary>
    public const ushort Leaf = 0x02;

    /// <summary>Page flag: meta.</summary>
    public const ushort Meta = 0x04;

    /// <summary>Page flag: freelist.</summary>
    public const ushort Freelist = 0x10;

    /// <summary>Flag of a leaf element that is a bucket.</summary>
    public const uint BucketElement = 0x01;

    private const uint Magic = 0xED0CDAED;
    private const uint FileVersion = 2;

    /// <summary>Writes a page header.</summary>
    public static void WriteHeader(Span<byte> page, ulong id, ushort flags, int count, uint overflow)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(page, id);
        BinaryPrimitives.WriteUInt16LittleEndian(page[8..], flags);
        BinaryPrimitives.WriteUInt16LittleEndian(page[10..], checked((ushort)count));
        BinaryPrimitives.WriteUInt32LittleEndian(page[12..], overflow);
    }

    /// <summary>Writes a meta page that names an empty freelist.</summary>
    public static void WriteMeta(Span<byte> page, ulong id, ulong freelist, BoltPlan plan, ulong transaction)
    {
        WriteHeader(page, id, Meta, 0, 0);
        var meta = page.Slice(HeaderLength, MetaLength);
        BinaryPrimitives.WriteUInt32LittleEndian(meta, Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(meta[4..], FileVersion);
        BinaryPrimitives.WriteUInt32LittleEndian(meta[8..], PageSize);
        BinaryPrimitives.WriteUInt64LittleEndian(meta[16..], plan.Root);
        BinaryPrimitives.WriteUInt64LittleEndian(meta[32..], freelist);
        BinaryPrimitives.WriteUInt64LittleEndian(meta[40..], plan.Pages);
        BinaryPrimitives.WriteUInt64LittleEndian(meta[48..], transaction);
        BinaryPrimitives.WriteUInt64LittleEndian(meta[56..], Checksum(meta[..56]));
    }

    /// <summary>Reads the meta record of a page (at least <see cref="HeaderLength"/> + <see cref="MetaLength"/> bytes); null when it is none or damaged.</summary>
    public static BoltMeta? ReadMeta(ReadOnlySpan<byte> page)
    {
        var meta = page.Slice(HeaderLength, MetaLength);
        var valid = BinaryPrimitives.ReadUInt32LittleEndian(meta) == Magic
            && BinaryPrimitives.ReadUInt32LittleEndian(meta[4..]) == FileVersion
            && BinaryPrimitives.ReadUInt64LittleEndian(meta[56..]) == Checksum(meta[..56]);
        return !valid ? null : new BoltMeta(
            BinaryPrimitives.ReadUInt32LittleEndian(meta[8..]),
            BinaryPrimitives.ReadUInt64LittleEndian(meta[16..]),
            BinaryPrimitives.ReadUInt64LittleEndian(meta[40..]),
            BinaryPrimitives.ReadUInt64LittleEndian(meta[48..]));
    }

    // FNV-1a, 64 bits.
    private static ulong Checksum(ReadOnlySpan<byte> bytes)
    {
        var hash = 0xcbf29ce484222325;
        foreach (var one in bytes)
            hash = (hash ^ one) * 0x100000001b3;

        return hash;
    }
}
