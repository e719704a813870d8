using Kine.Grains.Index;
using Kine.Grains.Values;

namespace Kine.Grains.Watch;

/// <summary>One change of one key, immutable and shared by ring, watchers and followers.</summary>
[GenerateSerializer, Immutable]
public sealed class KeyEvent(ReadOnlyMemory<byte> key, KeyVersion version, ReadOnlyMemory<byte> keyValue, KeyVersion previous)
{
    /// <summary>The key.</summary>
    [Id(0)]
    public ReadOnlyMemory<byte> Key { get; } = key;

    /// <summary>The version this event brought; a tombstone when it is a deletion.</summary>
    [Id(1)]
    public KeyVersion Version { get; } = version;

    /// <summary>The pair as a marshaled mvccpb.KeyValue; of a deletion only key and mod_revision, as etcd sends it.</summary>
    [Id(2)]
    public ReadOnlyMemory<byte> KeyValue { get; } = keyValue;

    /// <summary>The live version before this one, for prev_kv; not existing when the key was absent or its history is compacted.</summary>
    [Id(3)]
    public KeyVersion Previous { get; } = previous;

    /// <summary>Revision of the event.</summary>
    public long Revision => Version.Mod;

    /// <summary>The same event with its pair in an array of its own.</summary>
    internal KeyEvent Copy()
    {
        var copy = PairSlab.Copy(KeyValue);
        return copy.Equals(KeyValue) ? this : new KeyEvent(KeyValueWire.Key(copy), Version, copy, Previous);
    }
}
