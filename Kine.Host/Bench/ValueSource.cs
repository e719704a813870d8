namespace Kine.Host.Bench;

/// <summary>Values of one size, cut out of a block of random bytes at random places, so that no store can compress or share them.</summary>
public sealed class ValueSource
{
    private const int Places = 1024 * 1024;

    private readonly byte[] _block;
    private readonly int _size;

    /// <summary>Fills the block.</summary>
    public ValueSource(int size, long seed)
    {
        _size = size;
        _block = new byte[Places + size];
        new Random((int)seed).NextBytes(_block);
    }

    /// <summary>A value; the same <paramref name="choice"/> gives the same one.</summary>
    public ReadOnlySpan<byte> Take(ulong choice) => _block.AsSpan((int)(choice % Places), _size);
}
