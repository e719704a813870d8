using Kine.Backends;
using Kine.Grains.Index;

namespace Kine.Tests.Index;

/// <summary>
/// What <see cref="KeyIndex"/> must answer, said plainly: every version of every key in a list, and the log as a set of records.
/// </summary>
internal sealed class IndexModel
{
    private readonly SortedDictionary<byte[], List<KeyVersion>> _versions = new(Comparer<byte[]>.Create((a, b) => a.AsSpan().SequenceCompareTo(b)));
    private readonly SortedDictionary<RecordId, byte[]> _log = [];

    public IReadOnlyDictionary<RecordId, byte[]> Log => _log;

    public IEnumerable<byte[]> Keys => _versions.Keys;

    public void Apply(byte[] key, KeyVersion version)
    {
        if (!_versions.TryGetValue(key, out var versions))
            _versions[key] = versions = [];

        versions.Add(version);
        _log.Add(version.Id, key);
    }

    public void Undo(byte[] key, RecordId id)
    {
        var versions = _versions[key];
        Assert.Equal(id, versions[^1].Id);
        versions.RemoveAt(versions.Count - 1);
        _log.Remove(id);
        if (versions.Count == 0)
            _versions.Remove(key);
    }

    public KeyVersion Newest(byte[] key) => _versions.TryGetValue(key, out var versions) ? versions[^1] : default;

    public KeyVersion At(byte[] key, long revision)
    {
        var found = _versions.TryGetValue(key, out var versions) ? versions.LastOrDefault(version => version.Mod <= revision) : default;
        return found.IsTombstone ? default : found;
    }

    public List<(byte[] Key, KeyVersion Version)> Range(KeyRange range, long revision) =>
        [.. _versions.Keys.Where(key => range.Contains(key)).Select(key => (key, At(key, revision))).Where(pair => pair.Item2.Exists)];

    /// <summary>Takes ids out of the log that a compaction gave back; each must be there.</summary>
    public void Delete(List<RecordId> ids)
    {
        foreach (var id in ids)
            Assert.True(_log.Remove(id), $"{id} was not in the log (any more)");
    }

    /// <summary>The records that must be in the log after a finished compaction to <paramref name="compacted"/>, by etcd's rule.</summary>
    public SortedSet<RecordId> Kept(long compacted)
    {
        var kept = new SortedSet<RecordId>();
        foreach (var versions in _versions.Values)
        {
            for (var i = 0; i < versions.Count; i++)
            {
                var superseded = i + 1 < versions.Count ? versions[i + 1].Mod : long.MaxValue;
                if (versions[i].IsTombstone ? versions[i].Mod >= compacted : superseded > compacted)
                    kept.Add(versions[i].Id);
            }
        }

        return kept;
    }

    /// <summary>A new index from the log, as a start builds it.</summary>
    public KeyIndex Load()
    {
        var index = new KeyIndex();
        index.BeginLoad();
        foreach ((var id, var key) in _log)
            index.Apply(key, _versions[key].Single(version => version.Id == id));

        index.FinishLoad();
        return index;
    }

    public static void Finish(CompactionRun run, List<RecordId> deleted)
    {
        while (run.DropHistory(7, deleted) > 0)
        {
        }

        while (run.SweepTombstones(3))
        {
        }
    }
}
