using System.Buffers;
using System.Runtime.CompilerServices;
using Kine.Backends;
using Kine.Grains.Bolt;
using Kine.Grains.Index;
using Kine.Grains.Values;

namespace Kine.Grains.Snapshots;

/// <summary>
/// Makes an etcd snapshot file of the log at one revision: a bbolt database, without the sha256 that follows it on the wire. Two passes over the
/// store in short queries, one for lengths, one for content, so that memory stays at a few pages however large the file is.
/// </summary>
internal sealed class SnapshotWriter(IRevisionStore store, KeyIndex index, SnapshotPoint point, TimeProvider time)
{
    private const int ScanRecords = 10_000;
    private const int PageRecords = 2000;
    private const long PageBytes = 1 << 20;
    private const int PieceBytes = 256 << 10;

    /// <summary>
    /// The file in pieces. Ends with etcd's compacted error when records went while it was written: the reader was too slow for the pin.
    /// </summary>
    public async IAsyncEnumerable<SnapshotPiece> Write([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var plan = await Plan(cancellationToken);
        var output = new ArrayBufferWriter<byte>();
        var file = new BoltWriter(output, plan);
        var left = plan.FileLength;
        EtcdBuckets.WriteBeforeKeys(file, point);
        file.BeginBucket(EtcdBuckets.Key);
        var bucketKey = new byte[BucketKey.MaxLength];
        var after = new RecordId(0, 0);
        while (true)
        {
            var page = await store.ReadRecords(after, point.Revision, PageRecords, PageBytes, cancellationToken);
            if (page.Count == 0)
                break;

            foreach (var record in page)
            {
                if (index.Keeps(record.Key.Span, record.Id, record.Tombstone, point.CompactRevision))
                    file.Add(BucketKey.Write(bucketKey, record.Id, record.Tombstone), KeyValueWire.EncodeStored(record));
            }

            after = page[^1].Id;
            for (var start = 0; output.WrittenCount - start >= PieceBytes; start += PieceBytes)
            {
                yield return Piece(output.WrittenSpan.Slice(start, PieceBytes), ref left);
                point.Pin.Progress(time);
            }

            KeepRest(output);
        }

        WriteFiller(file, after.Revision);
        EtcdBuckets.WriteAfterKeys(file, point);
        if (file.Finish() != plan)
            throw EtcdErrors.Compacted;

        for (var start = 0; start < output.WrittenCount; start += PieceBytes)
            yield return Piece(output.WrittenSpan[start..Math.Min(start + PieceBytes, output.WrittenCount)], ref left);
    }

    private async Task<BoltPlan> Plan(CancellationToken cancellationToken)
    {
        var file = new BoltWriter();
        EtcdBuckets.WriteBeforeKeys(file, point);
        file.BeginBucket(EtcdBuckets.Key);
        var bucketKey = new byte[BucketKey.MaxLength];
        MetadataVisitor visit = (in RecordMetadata record, ReadOnlySpan<byte> key) =>
        {
            var id = new RecordId(record.Revision, record.Sub);
            if (index.Keeps(key, id, record.Tombstone, point.CompactRevision))
            {
                var version = record.Tombstone ? default : KeyVersion.Of(record);
                file.Count(BucketKey.Write(bucketKey, id, record.Tombstone), KeyValueWire.EncodedLength(key.Length, version, keysOnly: false));
            }
        };
        var after = new RecordId(0, 0);
        while (await store.ScanMetadata(after, point.Revision, ScanRecords, visit, cancellationToken) is { } last)
        {
            after = last;
            point.Pin.Progress(time);
        }

        WriteFiller(file, after.Revision);
        EtcdBuckets.WriteAfterKeys(file, point);
        return file.Finish();
    }

    // etcd takes its revision from the last record. Where the log ends in revisions without records, one with nothing in it stands for the last of
    // them, as etcdutl's --bump-revision has it.
    private void WriteFiller(BoltWriter file, long lastRecord)
    {
        if (point.Revision > Math.Max(lastRecord, point.CompactRevision) && point.Revision > 1)
        {
            var bucketKey = new byte[BucketKey.MaxLength];
            file.Add(BucketKey.Write(bucketKey, new RecordId(point.Revision, 0), tombstone: false), default);
        }
    }

    private SnapshotPiece Piece(ReadOnlySpan<byte> bytes, ref long left)
    {
        left -= bytes.Length;
        return new SnapshotPiece(bytes.ToArray(), left, point.StorageVersion);
    }

    private static void KeepRest(ArrayBufferWriter<byte> output)
    {
        var sent = output.WrittenCount / PieceBytes * PieceBytes;
        if (sent > 0)
        {
            var rest = output.WrittenSpan[sent..].ToArray();
            output.ResetWrittenCount();
            output.Write(rest);
        }
    }
}
