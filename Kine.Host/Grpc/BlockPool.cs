using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace Kine.Host.Grpc;

/// <summary>
/// Memory of connections, in pinned blocks that are used again. Kestrel's own pool gives back a twentieth every ten seconds; this one, all that is free when
/// asked.
/// </summary>
internal sealed class BlockPool : MemoryPool<byte>
{
    private const int BlockLength = 4096; // bytes: Kestrel reads and writes in such pieces

    private readonly ConcurrentQueue<Block> _free = new();
    private volatile bool _disposed;

    /// <summary>Who needs more than a block takes it elsewhere.</summary>
    public override int MaxBufferSize => BlockLength;

    public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(minBufferSize, BlockLength);
        ObjectDisposedException.ThrowIf(_disposed, this);
        return _free.TryDequeue(out var block) ? block : new Block(this);
    }

    /// <summary>Leaves what is free now to the collector.</summary>
    public void Trim()
    {
        for (var left = _free.Count; left > 0 && _free.TryDequeue(out _); left--)
        {
        }
    }

    protected override void Dispose(bool disposing)
    {
        _disposed = true;
        _free.Clear();
    }

    private sealed class Block(BlockPool pool) : IMemoryOwner<byte>
    {
        public Memory<byte> Memory { get; } = MemoryMarshal.CreateFromPinnedArray(GC.AllocateUninitializedArray<byte>(BlockLength, pinned: true), 0, BlockLength);

        public void Dispose()
        {
            if (!pool._disposed)
                pool._free.Enqueue(this);
        }
    }
}
