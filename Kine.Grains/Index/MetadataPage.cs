using Kine.Backends;

namespace Kine.Grains.Index;

/// <summary>Some records of a scan with copies of their keys, for use on another thread; used again and again.</summary>
internal sealed class MetadataPage
{
    private const int MaxRecords = 512;
    private const int MaxBytes = 64 * 1024; // of keys; the last one may be longer

    private readonly RecordMetadata[] _records = new RecordMetadata[MaxRecords];
    private readonly int[] _ends = new int[MaxRecords];
    private byte[] _keys = new byte[MaxBytes];
    private int _count;
    private int _bytes;

    /// <summary>True when it should be passed on before another record is added.</summary>
    public bool IsFull => _count == MaxRecords || _bytes >= MaxBytes;

    /// <summary>Takes a record as long as the page is not <see cref="IsFull"/>.</summary>
    public void Add(in RecordMetadata record, ReadOnlySpan<byte> key)
    {
        if (key.Length > _keys.Length - _bytes)
            Array.Resize(ref _keys, _bytes + key.Length);

        key.CopyTo(_keys.AsSpan(_bytes));
        _bytes += key.Length;
        _records[_count] = record;
        _ends[_count++] = _bytes;
    }

    public void Visit(MetadataVisitor visit)
    {
        var start = 0;
        for (var i = 0; i < _count; i++)
        {
            var end = _ends[i];
            visit(in _records[i], _keys.AsSpan(start, end - start));
            start = end;
        }
    }

    public void Clear()
    {
        _count = 0;
        _bytes = 0;
        if (_keys.Length > MaxBytes * 2)
            _keys = new byte[MaxBytes];
    }
}
