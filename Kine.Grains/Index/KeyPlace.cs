namespace Kine.Grains.Index;

/// <summary>
/// Where a cursor found a key, in 16 bytes. It stays good as long as the cursor's revision is not compacted: a leaf that is replaced keeps what it held.
/// </summary>
public readonly struct KeyPlace
{
    private readonly Leaf _leaf;
    private readonly int _index;

    internal KeyPlace(Leaf leaf, int index)
    {
        _leaf = leaf;
        _index = index;
    }

    /// <summary>Bytes of the key.</summary>
    public int KeyLength => _leaf.Keys.KeyLength(_index);

    /// <summary>A copy of the key.</summary>
    public byte[] Key() => _leaf.Keys.Key(_index);

    internal bool TryRead(KeyIndex index, long revision, out KeyVersion version) => index.TryRead(_leaf, _index, revision, out version);
}
