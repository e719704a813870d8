using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Google.Protobuf;
using Kine.Backends;
using Kine.Etcd;
using Kine.Grains.Bolt;
using Kine.Grains.SideState;
using Kine.Grains.Values;

namespace Kine.Grains.Snapshots;

/// <summary>
/// Names and content of etcd's buckets beside <c>key</c>, as etcd 3.5 and 3.6 write them. What only etcd's own cluster has (its version, removed
/// members, users, roles) is an empty bucket.
/// </summary>
internal static class EtcdBuckets
{
    public static readonly byte[] Key = Encoding.ASCII.GetBytes("key");
    public static readonly byte[] Lease = Encoding.ASCII.GetBytes("lease");
    public static readonly byte[] Alarm = Encoding.ASCII.GetBytes("alarm");
    public static readonly byte[] Meta = Encoding.ASCII.GetBytes("meta");
    public static readonly byte[] Auth = Encoding.ASCII.GetBytes("auth");
    public static readonly byte[] AuthEnabled = Encoding.ASCII.GetBytes("authEnabled");
    public static readonly byte[] ScheduledCompact = Encoding.ASCII.GetBytes("scheduledCompactRev");
    public static readonly byte[] FinishedCompact = Encoding.ASCII.GetBytes("finishedCompactRev");
    public static readonly byte[] StorageVersion = Encoding.ASCII.GetBytes("storageVersion");

    private static readonly Comparer<byte[]> ByteOrder = Comparer<byte[]>.Create(static (x, y) => x.AsSpan().SequenceCompareTo(y));
    private static readonly JsonSerializerOptions AsGo = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The buckets whose names come before <c>key</c>.</summary>
    public static void WriteBeforeKeys(BoltWriter file, SnapshotPoint point)
    {
        file.BeginBucket(Alarm);
        foreach (var alarm in point.Alarms
            .Select(active => new AlarmMember { MemberID = active.Member, Alarm = active.Alarm }.ToByteArray())
            .Order(ByteOrder))
        {
            file.Add(alarm, default);
        }

        file.BeginBucket(Auth);
        file.Add("authRevision"u8, MetaRow.BigEndian(1));
        file.BeginBucket("authRoles"u8);
        file.BeginBucket("authUsers"u8);
        file.BeginBucket("cluster"u8);
    }

    /// <summary>The buckets whose names come after <c>key</c>.</summary>
    public static void WriteAfterKeys(BoltWriter file, SnapshotPoint point)
    {
        file.BeginBucket(Lease);
        foreach ((var id, var ttl) in point.Leases.OrderBy(lease => (ulong)lease.Id))
            file.Add(MetaRow.BigEndian(id), new SnapshotLease { ID = id, TTL = ttl }.ToByteArray());

        var member = point.Identity.MemberId;
        file.BeginBucket("members"u8);
        file.Add(
            Encoding.ASCII.GetBytes(member.ToString("x")),
            Json(new { id = member, peerURLs = Array.Empty<string>(), name = "kine", clientURLs = new[] { point.ClientUrl } }));
        file.BeginBucket("members_removed"u8);

        file.BeginBucket(Meta);
        file.Add("confState"u8, Json(new { voters = new[] { member }, auto_leave = false }));
        file.Add("consistent_index"u8, MetaRow.BigEndian(point.Revision));
        var mark = new byte[BucketKey.MaxLength];
        if (point.CompactRevision >= 0)
        {
            file.Add(FinishedCompact, BucketKey.Write(mark, new RecordId(point.CompactRevision, 0), tombstone: false));
            file.Add(ScheduledCompact, BucketKey.Write(mark, new RecordId(point.CompactRevision, 0), tombstone: false));
        }

        if (point.StorageVersion.Length > 0)
            file.Add(StorageVersion, Encoding.ASCII.GetBytes(point.StorageVersion));

        file.Add("term"u8, MetaRow.BigEndian((long)point.Term));
    }

    private static byte[] Json<T>(T value) => JsonSerializer.SerializeToUtf8Bytes(value, AsGo);
}
