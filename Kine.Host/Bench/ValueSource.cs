using Google.Protobuf;

namespace Kine.Host.Bench;

/// <summary>Values of one size, cut out of a block of random bytes at random places, so that no store can compress or share them.</summary>
internal sealed class ValueSource
{
    private const int Places = 1024 * 1024;

    private readonly byte[] _block;
    private readonly int _size;

    public ValueSource(int size, long seed)
    {
        _size = size;
        _block = new byte[Places + size];
        new Random((int)seed).NextBytes(_block);
    }

    public ByteString Take(Random random) => UnsafeByteOperations.UnsafeWrap(Block(random));

    /// <summary>A value that begins with a stamp.</summary>
    public ByteString Take(Random random, WatchStamp stamp)
    {
        var value = Block(random).ToArray();
        stamp.Write(value);
        return UnsafeByteOperations.UnsafeWrap(value);
    }

    private ReadOnlyMemory<byte> Block(Random random) => _block.AsMemory(random.Next(Places), _size);
}
