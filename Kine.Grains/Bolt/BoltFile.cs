using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;

namespace Kine.Grains.Bolt;

/// <summary>
/// Reads a bbolt file that nobody writes to, page by page, trusting nothing in it: whatever is out of bounds, out of order or reached in two ways is a
/// <see cref="BoltException"/>, so that no file takes longer than its length. One caller at a time.
/// </summary>
internal sealed class BoltFile : IDisposable
{
    private const int DeepestTree = 64;
    private static readonly int[] PossiblePageSizes = [.. Enumerable.Range(10, 15).Select(bits => 1 << bits)]; // 1 KiB to 16 MiB

    private readonly SafeFileHandle _file;
    private readonly long _length;
    private readonly BoltMeta _meta;
    private readonly Dictionary<string, ReadOnlyMemory<byte>> _buckets = [];
    private readonly List<string> _walks = [""]; // the bucket of each
    private readonly int[] _walked; // the walk that reached the page last; 0 = none

    private BoltFile(SafeFileHandle file, long length, BoltMeta meta)
    {
        _file = file;
        _length = length;
        _meta = meta;
        _walked = new int[meta.Pages];
    }

    /// <summary>Names of the buckets, in their order.</summary>
    public IEnumerable<byte[]> Buckets => _buckets.Keys.Select(System.Text.Encoding.Latin1.GetBytes);

    /// <summary>Bytes of the pages that count.</summary>
    public long PagesLength => (long)_meta.Pages * _meta.PageSize;

    /// <summary>Opens the first <paramref name="length"/> bytes of a file as a database; takes the handle over.</summary>
    /// <exception cref="BoltException">It is none.</exception>
    public static BoltFile Open(SafeFileHandle file, long length)
    {
        var meta = FindMeta(file, length) ?? throw new BoltException("the file is not a bbolt database, or its first pages are damaged");
        if (meta.Pages > (ulong)(length / meta.PageSize))
            throw new BoltException($"the file is cut off: {meta.Pages} pages of {meta.PageSize} bytes are missing some of their {length} bytes");

        var opened = new BoltFile(file, length, meta);
        foreach ((var bucket, var flags) in opened.Walk("", meta.Root))
        {
            if ((flags & BoltFormat.BucketElement) != 0 && !opened._buckets.TryAdd(Name(bucket.Key.Span), bucket.Value))
                throw Damaged($"bucket \"{Name(bucket.Key.Span)}\" stands twice");
        }

        return opened;
    }

    /// <summary>Entries of a bucket in key order; none when there is no such bucket.</summary>
    public IEnumerable<BoltEntry> Entries(byte[] bucket)
    {
        if (Root(bucket) is not { } root)
            yield break;

        ReadOnlyMemory<byte>? previous = null;
        foreach ((var entry, _) in root.Page == 0 ? Walk(StartWalk(Name(bucket)), root.Inline, 0) : Walk(Name(bucket), root.Page))
        {
            if (previous is { } before && entry.Key.Span.SequenceCompareTo(before.Span) <= 0)
                throw new BoltException($"the keys of bucket \"{Name(bucket)}\" are out of order");

            previous = entry.Key;
            yield return entry;
        }
    }

    /// <summary>The last key of a bucket; null when it has none.</summary>
    public ReadOnlyMemory<byte>? LastKey(byte[] bucket)
    {
        if (Root(bucket) is not { } root)
            return null;

        var page = root.Page == 0 ? root.Inline : ReadPage(root.Page);
        for (var depth = 0; ; depth++)
        {
            (var flags, var count) = Header(page.Span, depth);
            if (count == 0)
                return null;

            var end = 0;
            if (flags == BoltFormat.Leaf)
                return LeafEntry(page, count - 1, ref end).Entry.Key;

            page = ReadPage(Child(page.Span, count - 1));
        }
    }

    /// <summary>The value of a key; null when it is not there. For small buckets: it looks at every entry.</summary>
    public ReadOnlyMemory<byte>? Find(byte[] bucket, byte[] key) => Entries(bucket)
        .Where(entry => entry.Key.Span.SequenceEqual(key))
        .Select(entry => (ReadOnlyMemory<byte>?)entry.Value)
        .FirstOrDefault();

    public void Dispose() => _file.Dispose();

    private static string Name(ReadOnlySpan<byte> bucket) => System.Text.Encoding.Latin1.GetString(bucket);

    private static BoltMeta? FindMeta(SafeFileHandle file, long length)
    {
        // The second meta page stands one page behind the first, whose size only a meta page tells: when the first is damaged, try all.
        var best = MetaAt(file, 0, length);
        foreach (var size in best is { } first ? [(int)first.PageSize] : PossiblePageSizes)
        {
            if (MetaAt(file, size, length) is { } second && second.PageSize == size && (best is null || second.Transaction > best.Value.Transaction))
                best = second;
        }

        return best;
    }

    private static BoltMeta? MetaAt(SafeFileHandle file, long offset, long length)
    {
        var page = new byte[BoltFormat.HeaderLength + BoltFormat.MetaLength];
        if (offset + page.Length > length || RandomAccess.Read(file, page, offset) < page.Length)
            return null;

        return BoltFormat.ReadMeta(page) is { } meta && PossiblePageSizes.Contains((int)meta.PageSize) ? meta : null;
    }

    // Page 0 = the page is inline.
    private (ulong Page, ReadOnlyMemory<byte> Inline)? Root(byte[] bucket)
    {
        if (!_buckets.TryGetValue(Name(bucket), out var value))
            return null;

        return value.Length >= BoltFormat.BucketLength
            ? (BinaryPrimitives.ReadUInt64LittleEndian(value.Span), value[BoltFormat.BucketLength..])
            : throw new BoltException($"bucket \"{Name(bucket)}\" is damaged");
    }

    private int StartWalk(string bucket)
    {
        _walks.Add(bucket);
        return _walks.Count - 1;
    }

    private IEnumerable<(BoltEntry Entry, uint Flags)> Walk(string bucket, ulong root)
    {
        var walk = StartWalk(bucket);
        return Walk(walk, ReachPage(walk, root), 0);
    }

    private IEnumerable<(BoltEntry Entry, uint Flags)> Walk(int walk, ReadOnlyMemory<byte> page, int depth)
    {
        (var flags, var count) = Header(page.Span, depth);
        var end = 0;
        for (var i = 0; i < count; i++)
        {
            if (flags == BoltFormat.Leaf)
            {
                var entry = LeafEntry(page, i, ref end);
                yield return entry;
                continue;
            }

            foreach (var below in Walk(walk, ReachPage(walk, Child(page.Span, i)), depth + 1))
                yield return below;
        }
    }

    // A page belongs to one bucket, and stands in one place of it.
    private ReadOnlyMemory<byte> ReachPage(int walk, ulong id)
    {
        var page = ReadPage(id);
        foreach (ref var last in _walked.AsSpan((int)id, page.Length / (int)_meta.PageSize))
        {
            if (last == walk || (last != 0 && _walks[last] != _walks[walk]))
                throw Damaged($"page {id} is reached in two ways");

            last = walk;
        }

        return page;
    }

    private static (ushort Flags, int Count) Header(ReadOnlySpan<byte> page, int depth)
    {
        if (page.Length < BoltFormat.HeaderLength)
            throw Damaged("a page is too short");

        var flags = BinaryPrimitives.ReadUInt16LittleEndian(page[8..]);
        int count = BinaryPrimitives.ReadUInt16LittleEndian(page[10..]);
        if (flags is not (BoltFormat.Leaf or BoltFormat.Branch) || depth > DeepestTree)
            throw Damaged("a page of a bucket is neither leaf nor branch");

        return page.Length < BoltFormat.HeaderLength + (count * BoltFormat.ElementLength) ? throw Damaged("a page holds too much") : (flags, count);
    }

    private static (BoltEntry Entry, uint Flags) LeafEntry(ReadOnlyMemory<byte> page, int index, ref int end)
    {
        var at = BoltFormat.HeaderLength + (index * BoltFormat.ElementLength);
        var element = page.Span.Slice(at, BoltFormat.ElementLength);
        var flags = BinaryPrimitives.ReadUInt32LittleEndian(element);
        var position = at + (long)BinaryPrimitives.ReadUInt32LittleEndian(element[4..]);
        long keyLength = BinaryPrimitives.ReadUInt32LittleEndian(element[8..]);
        long valueLength = BinaryPrimitives.ReadUInt32LittleEndian(element[12..]);
        if (position + keyLength + valueLength > page.Length)
            throw Damaged("an entry reaches past its page");

        if (position < end)
            throw Damaged("two entries of a page share bytes");

        end = (int)(position + keyLength + valueLength);
        return (new BoltEntry(page.Slice((int)position, (int)keyLength), page.Slice((int)(position + keyLength), (int)valueLength)), flags);
    }

    private static ulong Child(ReadOnlySpan<byte> page, int index) =>
        BinaryPrimitives.ReadUInt64LittleEndian(page[(BoltFormat.HeaderLength + (index * BoltFormat.ElementLength) + 8)..]);

    private ReadOnlyMemory<byte> ReadPage(ulong id)
    {
        if (id < 2 || id >= _meta.Pages)
            throw Damaged($"there is no page {id}");

        var offset = (long)id * _meta.PageSize;
        var header = new byte[BoltFormat.HeaderLength];
        Read(header, offset);
        var pages = 1ul + BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(12));
        if (BinaryPrimitives.ReadUInt64LittleEndian(header) != id || pages > _meta.Pages - id || pages * _meta.PageSize > (ulong)Array.MaxLength)
            throw Damaged($"page {id} is not what it should be");

        var page = new byte[pages * _meta.PageSize];
        Read(page, offset);
        return page;
    }

    private void Read(byte[] target, long offset)
    {
        for (var read = 0; read < target.Length;)
        {
            var got = RandomAccess.Read(_file, target.AsSpan(read), offset + read);
            read += got > 0 ? got : throw Damaged($"it ends at byte {_length}");
        }
    }

    private static BoltException Damaged(string how) => new($"the file is damaged: {how}");
}
