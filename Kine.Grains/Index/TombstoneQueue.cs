using Kine.Backends;

namespace Kine.Grains.Index;

/// <summary>
/// The tombstones of the log in log order: a compaction to C deletes those below C, whatever came after them, and keeps one exactly at C,
/// as etcd does. The writer's alone.
/// </summary>
internal sealed class TombstoneQueue
{
    private const int ChunkSize = 4096; // ids: 64 KiB

    private readonly List<RecordId[]> _chunks = [];
    private int _head; // in the first chunk
    private int _tail; // in the last chunk, next free

    public long Count => _chunks.Count == 0 ? 0 : (_chunks.Count - 1L) * ChunkSize + _tail - _head;

    public void Add(RecordId id)
    {
        if (_chunks.Count == 0 || _tail == ChunkSize)
        {
            _chunks.Add(new RecordId[ChunkSize]);
            _tail = 0;
        }

        _chunks[^1][_tail++] = id;
    }

    /// <summary>Takes the last one back.</summary>
    public void RemoveLast(RecordId id)
    {
        if (Count == 0 || _chunks[^1][_tail - 1] != id)
            throw new InvalidOperationException($"Tombstone {id} is not the last one.");

        _tail--;
        if (_tail == 0)
        {
            _chunks.RemoveAt(_chunks.Count - 1);
            _tail = ChunkSize;
        }

        if (Count == 0)
            Reset();
    }

    /// <summary>
    /// Moves up to <paramref name="max"/> ids below <paramref name="revision"/> to <paramref name="dropped"/>; returns how many.
    /// </summary>
    public int Drop(long revision, int max, List<RecordId> dropped)
    {
        var moved = 0;
        while (moved < max && Count > 0 && _chunks[0][_head].Revision < revision)
        {
            dropped.Add(_chunks[0][_head]);
            moved++;
            if (++_head == ChunkSize)
            {
                _chunks.RemoveAt(0);
                _head = 0;
            }
        }

        if (Count == 0)
            Reset();

        return moved;
    }

    private void Reset()
    {
        _chunks.Clear();
        _head = 0;
        _tail = 0;
    }
}
