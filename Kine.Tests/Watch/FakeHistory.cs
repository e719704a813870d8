using System.Text;
using Google.Protobuf;
using Kine.Etcd;
using Kine.Grains.Index;
using Kine.Grains.Values;
using Kine.Grains.Watch;

namespace Kine.Tests.Watch;

/// <summary>An in-memory log with etcd's versions, that can be compacted, slowed down and made to fail; it makes the batches a writer would publish.</summary>
internal sealed class FakeHistory : IEventHistory
{
    private readonly Lock _gate = new();
    private readonly List<KeyEvent> _log = [];
    private readonly Dictionary<string, KeyVersion> _live = [];
    private readonly Dictionary<(string Key, long Mod, int Sub), byte[]> _pairs = [];
    private readonly SlabWriter _slabs = new();
    private long _compactRevision;
    private int _reads;

    /// <summary>Awaited before each read of events.</summary>
    public Func<Task>? BeforeRead { get; set; }

    /// <summary>Awaited after the events of a page were read, before they are handed back.</summary>
    public Func<Task>? AfterRead { get; set; }

    /// <summary>Awaited before previous pairs are handed back.</summary>
    public Func<IReadOnlyList<VersionedKey>, Task>? BeforePairs { get; set; }

    public long PublishedRevision { get; private set; } = 1;

    public long CompactRevision => Volatile.Read(ref _compactRevision);

    /// <summary>Reads of events so far.</summary>
    public int Reads => Volatile.Read(ref _reads);

    public IReadOnlyList<KeyEvent> Log
    {
        get
        {
            lock (_gate)
            {
                return [.. _log];
            }
        }
    }

    public EventBatch Put(string key, string value) => Write((key, value));

    public EventBatch Delete(string key) => Write((key, null));

    /// <summary>One transaction; a null value deletes.</summary>
    public EventBatch Write(params (string Key, string? Value)[] changes) => Batch([changes]);

    /// <summary>Several transactions published by one append.</summary>
    public EventBatch Batch(params (string Key, string? Value)[][] transactions)
    {
        lock (_gate)
        {
            var before = PublishedRevision;
            var events = new List<KeyEvent>();
            foreach (var changes in transactions)
            {
                var revision = ++PublishedRevision;
                for (var sub = 0; sub < changes.Length; sub++)
                    events.Add(Change(changes[sub].Key, changes[sub].Value, revision, sub));
            }

            _log.AddRange(events);
            return new EventBatch(before, PublishedRevision, _compactRevision, events);
        }
    }

    /// <summary>Sets the mark and takes away what a compaction takes away.</summary>
    public EventBatch Compact(long revision)
    {
        lock (_gate)
        {
            Volatile.Write(ref _compactRevision, revision);
            var newest = new Dictionary<string, KeyEvent>();
            foreach (var e in _log.Where(e => e.Revision <= revision))
                newest[KeyOf(e)] = e;

            foreach (var e in _log.Where(e => e.Revision <= revision).ToArray())
            {
                if (newest[KeyOf(e)] == e && (!e.Version.IsTombstone || e.Revision == revision))
                    continue;

                _log.Remove(e);
                _pairs.Remove((KeyOf(e), e.Version.Mod, e.Version.Sub));
            }

            return new EventBatch(PublishedRevision, PublishedRevision, revision, []);
        }
    }

    public async Task<EventPage> ReadEvents(long from, long to, int maxEvents, long maxBytes, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _reads);
        if (BeforeRead is { } before)
            await before();

        cancellationToken.ThrowIfCancellationRequested();
        EventPage page;
        lock (_gate)
        {
            var events = new List<KeyEvent>();
            long bytes = 0, through = to;
            foreach (var e in _log)
            {
                if (e.Revision < from || e.Revision > to)
                    continue;

                if (events.Count > 0 && e.Revision != events[^1].Revision && (events.Count >= maxEvents || bytes > maxBytes))
                {
                    through = e.Revision - 1;
                    break;
                }

                events.Add(e);
                bytes += e.KeyValue.Length;
            }

            page = new EventPage(events, through);
        }

        if (AfterRead is { } after)
            await after();

        return page;
    }

    public async ValueTask<ReadOnlyMemory<byte>?[]> ReadKeyValues(IReadOnlyList<VersionedKey> versions, CancellationToken cancellationToken)
    {
        if (BeforePairs is { } before)
            await before(versions);

        lock (_gate)
        {
            return [.. versions.Select(v => _pairs.TryGetValue(
                (Encoding.UTF8.GetString(v.Key.Span), v.Version.Mod, v.Version.Sub),
                out var pair) ? (ReadOnlyMemory<byte>?)pair : null)];
        }
    }

    private static string KeyOf(KeyEvent e) => Encoding.UTF8.GetString(e.Key.Span);

    private KeyEvent Change(string key, string? value, long revision, int sub)
    {
        var previous = _live.GetValueOrDefault(key);
        var version = value is null
            ? KeyVersion.Tombstone(revision, sub)
            : new KeyVersion(revision, sub, previous.Exists ? previous.Create : revision, previous.Version + 1, 0, value.Length);
        var pair = new KeyValue { Key = ByteString.CopyFromUtf8(key), ModRevision = revision };
        if (value is null)
        {
            _live.Remove(key);
        }
        else
        {
            _live[key] = version;
            pair.CreateRevision = version.Create;
            pair.Version = version.Version;
            pair.Value = ByteString.CopyFromUtf8(value);
        }

        _pairs[(key, revision, sub)] = pair.ToByteArray();
        var slice = _slabs.Encode(pair.Key.Span, version, pair.Value.Span);
        return new KeyEvent(KeyValueWire.Key(slice), version, slice, previous);
    }
}
