using System.Buffers;
using System.Buffers.Binary;

namespace Kine.Grains.Bolt;

/// <summary>
/// Writes a bbolt file from beginning to end in one pass, bucket by bucket, entries in key order. The first pages name the last ones; so the same
/// content is passed twice: once to a writer without output, whose <see cref="Finish"/> gives the plan, and once to one with output and that plan.
/// </summary>
internal sealed class BoltWriter
{
    private const ulong FreelistPage = 2;
    private const ulong FirstPage = 3;
    private const int LongestKey = 1024; // bytes; branches must have room for three

    private readonly IBufferWriter<byte>? _output;
    private readonly List<(byte[] Name, ulong Root)> _buckets = [];
    private BoltTree? _bucket;
    private ulong _next = FirstPage;
    private long _entries;
    private long _bytes;

    /// <summary>A writer that only counts.</summary>
    public BoltWriter()
    {
    }

    /// <summary>A writer of a file of that plan.</summary>
    public BoltWriter(IBufferWriter<byte> output, BoltPlan plan)
    {
        _output = output;
        for (ulong id = 0; id < FirstPage; id++)
        {
            var page = output.GetSpan(BoltFormat.PageSize)[..BoltFormat.PageSize];
            page.Clear();
            if (id == FreelistPage)
                BoltFormat.WriteHeader(page, id, BoltFormat.Freelist, 0, 0);
            else
                BoltFormat.WriteMeta(page, id, FreelistPage, plan, transaction: 2 - id);

            output.Advance(BoltFormat.PageSize);
        }
    }

    /// <summary>Begins a bucket; names must ascend.</summary>
    public void BeginBucket(ReadOnlySpan<byte> name)
    {
        EndBucket();
        _buckets.Add((name.ToArray(), 0));
        _bucket = new BoltTree(this);
    }

    /// <summary>Adds an entry to the bucket.</summary>
    public void Add(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => Add(key, value.Length, value);

    /// <summary>Counts an entry of the bucket whose value is not there yet; for a writer that only counts.</summary>
    public void Count(ReadOnlySpan<byte> key, int valueLength) => Add(key, valueLength, default);

    /// <summary>Writes the root; returns what the file has become.</summary>
    public BoltPlan Finish()
    {
        EndBucket();
        var root = new BoltTree(this);
        var bucket = new byte[BoltFormat.BucketLength];
        foreach ((var name, var page) in _buckets)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(bucket, page);
            root.Add(name, BoltFormat.BucketElement, bucket.Length, bucket);
        }

        var rootPage = root.Finish();
        return new BoltPlan(rootPage, _next, _entries, _bytes);
    }

    internal BoltPageBuilder NewPage(ushort flags) => new(flags, countsOnly: _output is null);

    internal ulong Emit(BoltPageBuilder page)
    {
        var id = _next;
        _next += page.Pages;
        if (_output is not null)
            page.Write(id, _output);

        return id;
    }

    private void Add(ReadOnlySpan<byte> key, int valueLength, ReadOnlySpan<byte> value)
    {
        if (key.Length is 0 or > LongestKey)
            throw new ArgumentException($"a bucket's key of {key.Length} bytes");

        _bucket!.Add(key, 0, valueLength, value);
        _entries++;
        _bytes += key.Length + valueLength;
    }

    private void EndBucket()
    {
        if (_bucket is not null)
        {
            _buckets[^1] = (_buckets[^1].Name, _bucket.Finish());
            _bucket = null;
        }
    }
}
