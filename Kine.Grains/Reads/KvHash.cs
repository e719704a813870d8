using System.Text;
using Kine.Backends;
using Kine.Grains.Index;
using Kine.Grains.Values;

namespace Kine.Grains.Reads;

/// <summary>
/// The hash that etcd 3.5 gives for the same history (etcd v3 API, Maintenance.HashKV): CRC-32C over the bucket's name, then over bucket key and value of
/// every record that counts, in log order. What compaction has yet to delete from the store does not count.
/// </summary>
/// <param name="Hash">CRC-32C.</param>
/// <param name="Revision">The revision hashed up to.</param>
/// <param name="CompactRevision">The compaction mark it was made under, -1 = none.</param>
public readonly record struct KvHash(uint Hash, long Revision, long CompactRevision)
{
    private const int PageRecords = 2000;
    private const long PageBytes = 1 << 20;

    /// <summary>
    /// Hashes up to <paramref name="revision"/> (0 = current; below it there is nothing, as in etcd). <paramref name="whole"/> leaves nothing out that is there, for Maintenance.Hash.
    /// Compacted and future revisions throw etcd's errors.
    /// </summary>
    public static async Task<KvHash> Of(KeyspaceView view, IRevisionStore store, long revision, bool whole, CancellationToken cancellationToken)
    {
        // Pinned at the mark seen first; a compaction that came between look and pin is noticed by looking again.
        while (true)
        {
            var state = view.State;
            using IDisposable pin = view.Pins.Acquire(state.CompactRevision);
            if (view.State.CompactRevision != state.CompactRevision)
                continue;

            var upTo = revision < 0 ? revision : RangeReader.ReadRevision(state, revision);
            return new KvHash(await Hashed(view.Index, store, Math.Max(upTo, 0), state.CompactRevision, whole, cancellationToken), upTo, state.CompactRevision);
        }
    }

    private static async Task<uint> Hashed(
        KeyIndex index, IRevisionStore store, long upTo, long compacted, bool whole, CancellationToken cancellationToken)
    {
        var anyAlive = !whole && index.Count(KeyRange.All, upTo) - await Replaced(store, upTo, cancellationToken) > 0;
        var crc = default(Crc32C);
        crc.Add("key"u8);
        var after = new RecordId(0, 0);
        var bucketKey = new byte[BucketKey.MaxLength];
        while (true)
        {
            var page = await store.ReadRecords(after, upTo, PageRecords, PageBytes, cancellationToken);
            if (page.Count == 0)
                return crc.Value;

            foreach (var record in page)
            {
                if (Counts(index, record, upTo, compacted, whole, anyAlive))
                    Add(ref crc, record, bucketKey);
            }

            after = page[^1].Id;
        }
    }

    // Keys that the very revision deleted and then put: etcd does not find those when it looks for what a compaction would keep.
    private static async Task<int> Replaced(IRevisionStore store, long revision, CancellationToken cancellationToken)
    {
        var deleted = new HashSet<string>();
        var replaced = new HashSet<string>();
        for (RecordId? last = new RecordId(revision - 1, int.MaxValue); last is { } after;)
        {
            last = await store.ScanMetadata(after, revision, PageRecords, (in RecordMetadata record, ReadOnlySpan<byte> key) =>
            {
                var name = Encoding.Latin1.GetString(key);
                if (record.Tombstone)
                {
                    deleted.Add(name);
                    replaced.Remove(name);
                }
                else if (deleted.Contains(name))
                {
                    replaced.Add(name);
                }
            }, cancellationToken);
        }

        return replaced.Count;
    }

    private static bool Counts(KeyIndex index, in LogRecord record, long upTo, long compacted, bool whole, bool anyAlive)
    {
        if (!index.Keeps(record.Key.Span, record.Id, record.Tombstone, compacted))
            return false;

        if (whole || record.Revision > compacted)
            return true;

        return !record.Tombstone && (!anyAlive || (index.TryGet(record.Key.Span, upTo, out var alive) && alive.Id == record.Id));
    }

    private static void Add(ref Crc32C crc, in LogRecord record, byte[] bucketKey)
    {
        crc.Add(BucketKey.Write(bucketKey, record.Id, record.Tombstone));
        crc.Add(KeyValueWire.EncodeStored(record));
    }
}
