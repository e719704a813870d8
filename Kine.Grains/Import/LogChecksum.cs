using System.Buffers.Binary;
using Kine.Backends;
using Kine.Grains.SideState;
using Kine.Grains.Values;

namespace Kine.Grains.Import;

/// <summary>Count and CRC-32C of records, every field of them, in log order.</summary>
internal struct LogChecksum
{
    private Crc32C _crc;

    /// <summary>Goes on from an import's mark.</summary>
    public LogChecksum(ImportMark mark)
    {
        _crc = new Crc32C(mark.Checksum);
        Records = mark.Records;
    }

    /// <summary>Records so far.</summary>
    public long Records { get; private set; }

    /// <summary>CRC-32C so far.</summary>
    public readonly uint Value => _crc.Value;

    /// <summary>Adds a record.</summary>
    public void Add(in LogRecord record)
    {
        Span<byte> numbers = stackalloc byte[45];
        BinaryPrimitives.WriteInt64BigEndian(numbers, record.Revision);
        BinaryPrimitives.WriteInt32BigEndian(numbers[8..], record.Sub);
        BinaryPrimitives.WriteInt64BigEndian(numbers[12..], record.CreateRevision);
        BinaryPrimitives.WriteInt64BigEndian(numbers[20..], record.Version);
        BinaryPrimitives.WriteInt64BigEndian(numbers[28..], record.Lease);
        numbers[36] = record.Tombstone ? (byte)1 : (byte)0;
        BinaryPrimitives.WriteInt32BigEndian(numbers[37..], record.Key.Length);
        BinaryPrimitives.WriteInt32BigEndian(numbers[41..], record.Value.Length);
        _crc.Add(numbers);
        _crc.Add(record.Key.Span);
        _crc.Add(record.Value.Span);
        Records++;
    }
}
