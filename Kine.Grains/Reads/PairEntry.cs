using Kine.Grains.Index;
using Kine.Grains.Values;

namespace Kine.Grains.Reads;

/// <summary>A pair of a reply in the making: the marshaled mvccpb.KeyValue, or, while that is empty, the key whose value has to be read.</summary>
internal readonly record struct PairEntry(ReadOnlyMemory<byte> Key, KeyVersion Version, ReadOnlyMemory<byte> KeyValue)
{
    /// <summary>What is known without the store.</summary>
    public static PairEntry Find(KeyspaceView view, ReadOnlySpan<byte> key, in KeyVersion version, bool keysOnly)
    {
        if (keysOnly)
            return new PairEntry(default, version, KeyValueWire.EncodeKeysOnly(key, version));

        return view.Values.TryGet(version.Id, out var keyValue)
            ? new PairEntry(default, version, keyValue)
            : new PairEntry(key.ToArray(), version, default);
    }

    /// <summary>Reads what the cache did not have. False = a value is gone: compaction passed this revision.</summary>
    public static async ValueTask<bool> Fill(KeyspaceView view, List<PairEntry> entries, CancellationToken cancellationToken)
    {
        var missing = new List<int>();
        var versions = new List<VersionedKey>();
        for (var i = 0; i < entries.Count; i++)
        {
            if (entries[i].KeyValue.IsEmpty)
            {
                missing.Add(i);
                versions.Add(new VersionedKey(entries[i].Key, entries[i].Version));
            }
        }

        if (missing.Count == 0)
            return true;

        var found = await view.Values.Read(versions, cancellationToken);
        for (var i = 0; i < missing.Count; i++)
        {
            if (found[i] is not { } keyValue)
                return false;

            entries[missing[i]] = entries[missing[i]] with { KeyValue = keyValue };
        }

        return true;
    }
}
