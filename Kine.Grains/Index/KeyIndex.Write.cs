using Kine.Backends;

namespace Kine.Grains.Index;

public sealed partial class KeyIndex
{
    private long _applied; // revision of the last Apply that stands: nothing lower may follow

    /// <summary>
    /// Writer: the last applied version of <paramref name="key"/>, published or not; it may be a tombstone. False when the key is unknown.
    /// </summary>
    public bool TryGetNewest(ReadOnlySpan<byte> key, out KeyVersion version)
    {
        var found = Locate(key);
        version = found ? _leaf.Row(_index).ToVersion() : default;
        return found;
    }

    /// <summary>
    /// Writer: adds the newest version of <paramref name="key"/>. Calls come in log order: revisions never fall, and a further version of
    /// the key in the same revision has a higher sub. Throws <see cref="ArgumentException"/> otherwise, before anything is changed.
    /// </summary>
    public void Apply(ReadOnlySpan<byte> key, in KeyVersion version)
    {
        if (version.Mod < _applied || version.Mod <= 0)
            throw new ArgumentException($"Revision {version.Mod} cannot follow {_applied}.", nameof(version));

        if (Locate(key))
        {
            ref readonly var newest = ref _leaf.Row(_index);
            if (version.Id.CompareTo(newest.Id) <= 0)
                throw new ArgumentException($"Version {version.Id} cannot follow {newest.Id} of the same key.", nameof(version));

            var older = _history.Append(newest, version);
            var change = (version.IsTombstone ? 0 : 1) - (newest.IsTombstone ? 0 : 1);
            _deadEntries -= change;
            Update(new VersionRow(version, older), version.Mod, change);
        }
        else
        {
            _deadEntries += version.IsTombstone ? 1 : 0;
            Insert(key, new VersionRow(version, History.NoRow));
        }

        if (version.IsTombstone)
            _tombstones.Add(version.Id);

        _applied = version.Mod;
    }

    /// <summary>
    /// Writer: takes back the newest version of <paramref name="key"/>, which must be <paramref name="id"/> and must not have been
    /// published. What was applied last is undone first. Throws <see cref="InvalidOperationException"/> when <paramref name="id"/> is not
    /// the key's newest version.
    /// </summary>
    public void Undo(ReadOnlySpan<byte> key, RecordId id)
    {
        if (!Locate(key) || _leaf.Row(_index).Id != id || id.Revision > _applied)
            throw new InvalidOperationException($"{id} is not the newest version of its key.");

        var undone = _leaf.Row(_index);
        if (undone.IsTombstone)
            _tombstones.RemoveLast(id);

        var lost = undone.IsTombstone ? 0 : 1;
        if (undone.Older != History.NoRow)
        {
            var older = _history.Restore(undone);
            var change = (older.IsTombstone ? 0 : 1) - lost;
            _deadEntries -= change;
            Update(older, id.Revision, change);
        }
        else
        {
            _deadEntries -= 1 - lost;
            Shrink(_leaf.Without(_index, _packer), id.Revision, -lost);
        }

        _applied = id.Revision;
    }

    /// <summary>
    /// Every version a compaction has left, for comparing an index with a fresh replay of its log: keys in order, each with its versions
    /// from the newest to the oldest. What compaction may drop counts as dropped, however far its run is. For the writer, or while nothing
    /// is written.
    /// </summary>
    public IEnumerable<(byte[] Key, KeyVersion Version)> Dump()
    {
        foreach (var leaf in Leaves(_root))
        {
            for (var i = 0; i < leaf.Count; i++)
            {
                var key = leaf.Keys.Key(i);
                var row = leaf.Row(i);
                var superseded = long.MaxValue;
                while (superseded > _compacted)
                {
                    if (!row.IsTombstone || row.Mod >= _compacted)
                        yield return (key, row.ToVersion());

                    superseded = row.Mod;
                    if (!_history.TryGetOlder(ref row))
                        break;
                }
            }
        }
    }

    private static IEnumerable<Leaf> Leaves(IndexNode node)
    {
        if (node is Leaf leaf)
            return [leaf];

        return ((InnerNode)node).Slots.SelectMany(slot => Leaves(slot.Child));
    }
}
