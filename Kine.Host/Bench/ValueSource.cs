using Google.Protobuf;

namespace Kine.Host.Bench;

/// <summary>Values of one size, cut out of a block of random bytes at random places, so that no store can compress or share them.</summary>
internal sealed class ValueSource
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
    public ByteString Take(ulong choice) => UnsafeByteOperations.UnsafeWrap(Block(choice));

    /// <summary>A value that begins with a stamp.</summary>
    public ByteString Take(ulong choice, WatchStamp stamp)
    {
        var value = Block(choice).ToArray();
        stamp.Write(value);
        return UnsafeByteOperations.UnsafeWrap(value);
    }

    private ReadOnlyMemory<byte> Block(ulong choice) => _block.AsMemory((int)(choice % Places), _size);
}
