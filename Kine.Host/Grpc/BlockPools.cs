using System.Buffers;
using System.Collections.Concurrent;
using Microsoft.AspNetCore.Connections;

namespace Kine.Host.Grpc;

/// <summary>Makes the pools that Kestrel asks for, and knows them.</summary>
internal sealed class BlockPools : IMemoryPoolFactory<byte>
{
    private readonly ConcurrentBag<BlockPool> _pools = [];

    public MemoryPool<byte> Create(MemoryPoolOptions? options = null)
    {
        var pool = new BlockPool();
        _pools.Add(pool);
        return pool;
    }

    /// <summary>Leaves to the collector what no connection needs now.</summary>
    public void Trim()
    {
        foreach (var pool in _pools)
            pool.Trim();
    }
}
