using System.Collections.Immutable;
using Kine.Backends;
using Kine.Grains.Index;
using Kine.Grains.Reads;
using Kine.Grains.SideState;
using Kine.Grains.Values;
using Kine.Grains.Watch;

namespace Kine.Grains.Writing;

/// <summary>
/// The newest state: what is published plus what is in flight. Only the <see cref="WriteLoop"/> touches it. A worked example, published revision 10:
/// <code>
/// evaluate put a   -> revision 11 in batch A      A is being appended
/// evaluate put b   -> revision 12 in batch B      B waits for A; readers still see 10
/// A is durable     -> published 11
/// B's append fails -> undone: the newest revision is 11 again
/// </code>
/// </summary>
internal sealed class WriteState(KeyIndex index, ValueReader values, CompactionPins pins, LeaseTable leases)
{
    /// <summary>The mark before any compaction, as in etcd, where a compaction to 0 is a compaction.</summary>
    public const long NotCompacted = -1;

    private const int MostKept = 1 << 16; // places for records in flight; one DeleteRange may need a million

    private readonly Dictionary<RecordId, ReadOnlyMemory<byte>> _inFlight = [];
    private readonly SlabWriter _pairs = new();
    private FenceToken _token;
    private int _sub;

    /// <summary>All versions, those in flight included.</summary>
    public KeyIndex Index { get; } = index;

    /// <summary>Leases and attachments, those in flight included.</summary>
    public LeaseTable Leases { get; } = leases;

    /// <summary>Active alarms as (member, type), those in flight included. Replaced whole, so that it may be read from any thread.</summary>
    public ImmutableHashSet<(ulong Member, Etcd.AlarmType Alarm)> Alarms { get; set; } = [];

    /// <summary>Newest revision given out.</summary>
    public long Revision { get; set; } = 1;

    /// <summary>The compaction mark, one in flight included.</summary>
    public long CompactRevision { get; set; } = NotCompacted;

    /// <summary>What goes to the store next.</summary>
    public WriteBatch Batch { get; private set; } = new(default, 1);

    /// <summary>Starts from what the store holds, under a take-over's token.</summary>
    public void Begin(FenceToken token, long revision)
    {
        _token = token;
        Term = (ulong)token.Epoch;
        Revision = revision;
        Batch = new WriteBatch(token, revision);
    }

    /// <summary>The revision that reads inside the running transaction see: its own once it has written.</summary>
    public long ReadRevision => _sub > 0 ? Revision + 1 : Revision;

    /// <summary>Goes on under a new token of the same writer.</summary>
    public void Renew(FenceToken token)
    {
        _token = token;
        Term = (ulong)token.Epoch;
        Batch.Append.Token = token;
    }

    /// <summary>Ids and term for headers.</summary>
    public required ClusterIdentity Identity { get; init; }

    /// <summary>Epoch of this writer.</summary>
    public ulong Term { get; private set; }

    /// <summary>Store size and its limit, in bytes.</summary>
    public required SpaceQuota Quota { get; init; }

    /// <summary>A header at the newest revision.</summary>
    public Etcd.ResponseHeader Header() => Identity.Header(Revision, Term);

    /// <summary>
    /// Throws NOSPACE while that alarm is active or the store's disk is full, or raises it when <paramref name="bytes"/> more do not fit the quota. Deletes, compaction and
    /// disarming pass without asking.
    /// </summary>
    public void CheckSpace(long bytes)
    {
        if (Quota.StoreIsFull || Alarms.Any(alarm => alarm.Alarm == Etcd.AlarmType.Nospace))
            throw EtcdErrors.NoSpace;

        if (!Quota.Fits(bytes))
        {
            Activate(Identity.MemberId, Etcd.AlarmType.Nospace);
            throw EtcdErrors.NoSpace;
        }
    }

    /// <summary>Raises an alarm, unless it is active already.</summary>
    public void Activate(ulong member, Etcd.AlarmType alarm)
    {
        if (!Alarms.Contains((member, alarm)))
            Change(Alarms.Add((member, alarm)), AlarmRow.Of(member, alarm));
    }

    /// <summary>Takes an alarm back; false when it was not active.</summary>
    public bool Deactivate(ulong member, Etcd.AlarmType alarm)
    {
        if (!Alarms.Contains((member, alarm)))
            return false;

        Change(Alarms.Remove((member, alarm)), AlarmRow.Of(member, alarm) with { Value = null });
        return true;
    }

    /// <summary>Begins the next batch and gives back the one so far.</summary>
    public WriteBatch TakeBatch()
    {
        var taken = Batch;
        Batch = new WriteBatch(_token, Revision);
        return taken;
    }

    /// <summary>Keeps compaction from deleting any version that can be read now.</summary>
    public IDisposable Pin() => Pin(Math.Max(CompactRevision, 0));

    /// <summary>Keeps compaction from deleting what can be read at a revision.</summary>
    public IDisposable Pin(long revision) => pins.Acquire(revision);

    /// <summary>Begins a transaction: its writes share the next revision.</summary>
    public void Begin() => _sub = 0;

    /// <summary>Ends a transaction; one that wrote nothing takes no revision.</summary>
    public void End()
    {
        if (_sub > 0)
        {
            Revision++;
            Batch.Append.LastRevision = Revision;
            _sub = 0;
        }
    }

    /// <summary>The key's live version as the running transaction sees it.</summary>
    public bool TryGet(ReadOnlySpan<byte> key, out KeyVersion version) => Index.TryGetNewest(key, out version) && !version.IsTombstone;

    /// <summary>A pair in wire form when it is in memory: in flight, in the cache, or fetched for this operation.</summary>
    public bool TryKeyValue(WriteOperation operation, RecordId id, out ReadOnlyMemory<byte> keyValue) =>
        _inFlight.TryGetValue(id, out keyValue) || values.TryGet(id, out keyValue) || operation.TryFetched(id, out keyValue);

    /// <summary>True for a version that is not durable yet.</summary>
    public bool IsInFlight(RecordId id) => _inFlight.ContainsKey(id);

    /// <summary>Writes a pair at the running transaction's revision.</summary>
    public void Put(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long lease)
    {
        var revision = Revision + 1;
        var alive = TryGet(key, out var before);
        var version = new KeyVersion(
            revision, _sub, alive ? before.Create : revision, alive ? before.Version + 1 : 1, lease, value.Length);
        var keyValue = _pairs.Encode(key, version, value);
        Write(KeyValueWire.Key(keyValue), version, keyValue, alive ? before : default);
    }

    /// <summary>Deletes a live key at the running transaction's revision.</summary>
    public void Delete(ReadOnlySpan<byte> key, in KeyVersion before)
    {
        var version = KeyVersion.Tombstone(Revision + 1, _sub);
        var keyValue = _pairs.Encode(key, version, default);
        Write(KeyValueWire.Key(keyValue), version, keyValue, before);
    }

    /// <summary>Counts a batch's pairs as durable: readers find them in the cache or the store from now on.</summary>
    public void MarkDurable(WriteBatch batch)
    {
        foreach (var change in batch.Events)
        {
            _inFlight.Remove(change.Version.Id);
            if (!change.Version.IsTombstone)
                values.Add(change.Version.Id, change.KeyValue);
        }

        if (_inFlight.Count == 0 && _inFlight.Capacity > MostKept)
            _inFlight.TrimExcess();
    }

    /// <summary>Takes back a batch that certainly did not land; the newest first when there are several.</summary>
    public void Undo(WriteBatch batch)
    {
        for (var i = batch.Undo.Count - 1; i >= 0; i--)
            batch.Undo[i]();

        for (var i = batch.Events.Count - 1; i >= 0; i--)
        {
            var change = batch.Events[i];
            Index.Undo(change.Key.Span, change.Version.Id);
            _inFlight.Remove(change.Version.Id);
            var lease = TryGet(change.Key.Span, out var before) ? before.Lease : 0;
            Leases.Move(change.Key, change.Version.Lease, lease);
        }

        Quota.Take(-batch.Append.Bytes);
        Revision = batch.PreviousRevision;
        Batch = new WriteBatch(_token, Revision);
    }

    private void Write(ReadOnlyMemory<byte> key, in KeyVersion version, ReadOnlyMemory<byte> keyValue, in KeyVersion before)
    {
        Index.Apply(key.Span, version);
        Leases.Move(key, before.Lease, version.Lease);
        _inFlight[version.Id] = keyValue;
        var value = version.IsTombstone ? default : KeyValueWire.Value(keyValue);
        Batch.Append.Records.Add(new LogRecord(
            version.Mod, version.Sub, key, version.Create, version.Version, version.Lease, version.IsTombstone, value));
        Batch.Append.Bytes += key.Length + value.Length;
        Quota.Take(key.Length + value.Length);
        Batch.Events.Add(new KeyEvent(key, version, keyValue, PreviousOf(key.Span, version, before)));
        _sub++;
    }

    private void Change(ImmutableHashSet<(ulong Member, Etcd.AlarmType Alarm)> alarms, SideRow row)
    {
        var before = Alarms;
        Alarms = alarms;
        Batch.Append.Side.Add(row);
        Batch.Undo.Add(() => Alarms = before);
    }

    // prev_kv is the pair before the revision, not before the operation, and a create has none (etcd v3 API, Watch).
    private KeyVersion PreviousOf(ReadOnlySpan<byte> key, in KeyVersion version, in KeyVersion before)
    {
        if (version.Create == version.Mod || !before.Exists)
            return default;

        return before.Mod < version.Mod ? before : Index.TryGet(key, version.Mod - 1, out var earlier) ? earlier : default;
    }
}
