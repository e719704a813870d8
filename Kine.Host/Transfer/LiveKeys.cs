using Kine.Backends;
using Kine.Grains.Import;
using Kine.Grains.Index;

namespace Kine.Host.Transfer;

/// <summary>Which records of a source are the newest of keys that are alive at its end.</summary>
internal sealed class LiveKeys
{
    private readonly KeyIndex _index = new();

    /// <summary>Records in all.</summary>
    public long Records { get; private set; }

    public long Count => _index.LiveKeys;

    /// <summary>Reads the source once. <paramref name="progress"/> gets revisions.</summary>
    public static async Task<LiveKeys> Read(IHistorySource source, Action<long> progress, CancellationToken cancellationToken)
    {
        var keys = new LiveKeys();
        keys._index.BeginLoad();
        await foreach (var record in source.Records(cancellationToken))
        {
            keys.Records++;
            keys._index.Apply(record.Key.Span, KeyVersion.Of(record));
            progress(record.Revision);
        }

        keys._index.FinishLoad();
        return keys;
    }

    /// <summary>True when the record is what its key is at the end.</summary>
    public bool IsLive(in LogRecord record) => !record.Tombstone && _index.TryGet(record.Key.Span, long.MaxValue, out var newest) && newest.Id == record.Id;

    /// <summary>True when the key is alive at the end.</summary>
    public bool Contains(ReadOnlySpan<byte> key) => _index.TryGet(key, long.MaxValue, out _);
}
