using System.Security.Cryptography;
using System.Text;
using Google.Protobuf;
using Kine.Backends;
using Kine.Etcd;
using Kine.Grains.Bolt;
using Kine.Grains.Values;
using Microsoft.Win32.SafeHandles;

namespace Kine.Grains.Snapshots;

/// <summary>
/// An etcd snapshot file of etcd 3.4 to 3.6 or of kine, or a copied <c>member/snap/db</c>, which has no checksum. Damage is a
/// <see cref="SnapshotException"/>.
/// </summary>
public sealed class SnapshotFile : IDisposable
{
    private const int ChecksumLength = SHA256.HashSizeInBytes;
    private const int SectorLength = 512; // bytes; etcd tells by the rest of it whether there is a checksum

    private readonly SafeFileHandle _handle;
    private readonly BoltFile _file;
    private readonly long _length;

    private SnapshotFile(SafeFileHandle handle, BoltFile file, long length, bool hasChecksum)
    {
        _handle = handle;
        _file = file;
        _length = length;
        HasChecksum = hasChecksum;
        Contents = ReadContents();
    }

    /// <summary>False for a copy of a live database, which nothing proves whole.</summary>
    public bool HasChecksum { get; }

    /// <summary>Bytes of the database in it.</summary>
    public long DatabaseLength => _file.PagesLength;

    /// <summary>What it holds beside its records.</summary>
    public SnapshotContents Contents { get; }

    /// <summary>Opens a file; the checksum is not looked at yet.</summary>
    public static SnapshotFile Open(string path)
    {
        SafeFileHandle? handle = null;
        try
        {
            handle = File.OpenHandle(path, options: FileOptions.SequentialScan);
            var size = RandomAccess.GetLength(handle);
            var hasChecksum = size % SectorLength == ChecksumLength;
            var length = hasChecksum ? size - ChecksumLength : size;
            return new SnapshotFile(handle, BoltFile.Open(handle, length), length, hasChecksum);
        }
        catch (Exception error) when (error is BoltException or IOException or UnauthorizedAccessException)
        {
            handle?.Dispose();
            throw new SnapshotException($"{path}: {error.Message.TrimEnd('.')}", error);
        }
        catch
        {
            handle?.Dispose();
            throw;
        }
    }

    /// <summary>Compares content and checksum; false when they differ or there is none. <paramref name="progress"/> gets bytes read.</summary>
    public bool ChecksumHolds(Action<long> progress, CancellationToken cancellationToken)
    {
        if (!HasChecksum)
            return false;

        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[1 << 20];
        for (long at = 0; at < _length;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var got = RandomAccess.Read(_handle, buffer.AsSpan(0, (int)Math.Min(buffer.Length, _length - at)), at);
            if (got == 0)
                return false;

            hash.AppendData(buffer, 0, got);
            at += got;
            progress(at);
        }

        var expected = Checksum();
        return hash.GetHashAndReset().AsSpan().SequenceEqual(expected);
    }

    /// <summary>What tells this file from others: its checksum, or without one its length, revision and compaction mark.</summary>
    public string Identity => HasChecksum
        ? $"etcd snapshot {Convert.ToHexStringLower(Checksum())}"
        : $"etcd database of {_length} bytes, revision {Contents.Revision}, compacted {Contents.CompactRevision}";

    /// <summary>
    /// The records in log order, those that an interrupted compaction has left behind included. A revision that etcdutl's --bump-revision added without
    /// a key is left out; <see cref="SnapshotContents.Revision"/> counts it.
    /// </summary>
    public IEnumerable<LogRecord> Records()
    {
        foreach (var entry in Entries(EtcdBuckets.Key))
        {
            var id = ReadId(entry.Key.Span, out var tombstone);
            var pair = Parse(KeyValue.Parser, entry.Value, "a key-value pair");
            if (pair.Key.IsEmpty)
                continue;

            yield return tombstone
                ? new LogRecord(id.Revision, id.Sub, pair.Key.Memory, 0, 0, 0, true, default)
                : new LogRecord(id.Revision, id.Sub, pair.Key.Memory, pair.CreateRevision, pair.Version, pair.Lease, false, pair.Value.Memory);
        }
    }

    /// <summary>The number that <c>etcdutl snapshot status</c> shows as hash: CRC-32C over names, keys and values of all buckets.</summary>
    public uint StatusHash()
    {
        var crc = default(Crc32C);
        foreach (var bucket in _file.Buckets)
        {
            crc.Add(bucket);
            foreach (var entry in Entries(bucket))
            {
                crc.Add(entry.Key.Span);
                crc.Add(entry.Value.Span);
            }
        }

        return crc.Value;
    }

    public void Dispose() => _file.Dispose();

    private byte[] Checksum()
    {
        var checksum = new byte[ChecksumLength];
        RandomAccess.Read(_handle, checksum, _length);
        return checksum;
    }

    private SnapshotContents ReadContents()
    {
        if (!_file.Buckets.Any(name => name.AsSpan().SequenceEqual(EtcdBuckets.Key)))
            throw new BoltException("the file is a bbolt database, but not etcd's: it has no bucket \"key\"");

        var last = _file.LastKey(EtcdBuckets.Key) is { } key ? ReadId(key.Span, out _).Revision : 1;
        var compacted = Math.Max(ReadMark(EtcdBuckets.FinishedCompact), ReadMark(EtcdBuckets.ScheduledCompact));
        return new SnapshotContents(
            Math.Max(Math.Max(last, compacted), 1),
            compacted,
            _file.Find(EtcdBuckets.Meta, EtcdBuckets.StorageVersion) is { } version ? Encoding.ASCII.GetString(version.Span) : "",
            _file.Find(EtcdBuckets.Auth, EtcdBuckets.AuthEnabled) is { Length: 1 } enabled && enabled.Span[0] == 1,
            [.. Entries(EtcdBuckets.Lease).Select(entry => Parse(SnapshotLease.Parser, entry.Value, "a lease")).Select(lease => (lease.ID, lease.TTL))],
            [.. Entries(EtcdBuckets.Alarm).Select(entry => Parse(AlarmMember.Parser, entry.Key, "an alarm")).Select(alarm => (alarm.MemberID, alarm.Alarm))]);
    }

    private long ReadMark(byte[] name) => _file.Find(EtcdBuckets.Meta, name) is { } mark ? ReadId(mark.Span, out _).Revision : -1;

    private IEnumerable<BoltEntry> Entries(byte[] bucket)
    {
        using var entries = _file.Entries(bucket).GetEnumerator();
        while (true)
        {
            try
            {
                if (!entries.MoveNext())
                    yield break;
            }
            catch (Exception error) when (error is BoltException or IOException)
            {
                throw new SnapshotException(error.Message, error);
            }

            yield return entries.Current;
        }
    }

    private static RecordId ReadId(ReadOnlySpan<byte> key, out bool tombstone) =>
        BucketKey.TryRead(key, out var id, out tombstone) ? id : throw new SnapshotException($"the file is damaged: {Convert.ToHexString(key)} is no revision");

    private static T Parse<T>(MessageParser<T> parser, ReadOnlyMemory<byte> bytes, string what)
        where T : IMessage<T>
    {
        try
        {
            return parser.ParseFrom(bytes.Span);
        }
        catch (InvalidProtocolBufferException error)
        {
            throw new SnapshotException($"the file is damaged: {what} cannot be read", error);
        }
    }
}
