using System.Runtime.InteropServices;

namespace Kine.Grains.Index;

/// <summary>
/// A superseded <see cref="VersionRow"/> in 28 bytes, and in 4 more what the writer notes about it. Bits, most significant first:
/// <code>
/// 0 | mod 41 | sub 22          0 | create 41 | value length + 1, 22          distance to the older row 40 | lease 16 | version 40
/// 1 | place among the chunk's wide rows 63
/// </code>
/// The distance counts back from the row's own number, 0 when there is no older row; the lease is a place among the chunk's leases, from 1
/// on, 0 for none. A row that these widths cannot express is wide: the chunk keeps it as it is. The widths of mod and sub are those of a
/// record's key in the log, so that this takes a value above 4 MiB, a key put more than 2^40 times, or an older row that many rows back.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal struct PackedRow
{
    public const int Bytes = 32;
    public const int RevisionBits = 41;
    public const int SubBits = 22;
    public const int LengthBits = 22;
    public const int DistanceBits = 40;
    public const int LeaseBits = 16;
    public const int VersionBits = 40;
    private const int HighVersionBits = VersionBits - 32;
    private const ulong Wide = 1UL << 63;

    private ulong _id;
    private ulong _create;
    private ulong _older;
    private uint _version; // its low 32 bits; the others are in _older

    /// <summary>
    /// The writer's, which changes it while readers read the rest: what superseded the row, as <see cref="HistoryChunk"/> counts.
    /// </summary>
    public uint Superseded;

    /// <summary>True when the row is in the chunk's wide rows, at <see cref="WideAt"/>.</summary>
    public readonly bool IsWide => (_id & Wide) != 0;

    public readonly int WideAt => (int)_id;

    /// <summary>Place among the chunk's leases, 0 for none.</summary>
    public readonly int LeaseAt => (int)(_older >> HighVersionBits) & ((1 << LeaseBits) - 1);

    /// <summary>True when <paramref name="row"/>, stored under <paramref name="number"/>, need not be wide.</summary>
    public static bool Fits(in VersionRow row, long number) =>
        Fits(row.Mod, RevisionBits)
        && Fits(row.Sub, SubBits)
        && Fits(row.Create, RevisionBits)
        && Fits(row.ValueLength + 1L, LengthBits)
        && Fits(row.Version, VersionBits)
        && (row.Older == History.NoRow || (row.Older >= 0 && row.Older < number && Fits(number - row.Older, DistanceBits)));

    /// <summary>A row that <see cref="Fits(in VersionRow, long)"/>; its lease is at <paramref name="leaseAt"/>.</summary>
    public static PackedRow Pack(in VersionRow row, long number, int leaseAt, uint superseded)
    {
        ulong distance = row.Older == History.NoRow ? 0 : (ulong)(number - row.Older);
        return new PackedRow
        {
            _id = ((ulong)row.Mod << SubBits) | (uint)row.Sub,
            _create = ((ulong)row.Create << LengthBits) | (uint)(row.ValueLength + 1),
            _older = (distance << (LeaseBits + HighVersionBits)) | ((ulong)leaseAt << HighVersionBits) | ((ulong)row.Version >> 32),
            _version = (uint)row.Version,
            Superseded = superseded,
        };
    }

    /// <summary>Stands for the wide row at <paramref name="wideAt"/>.</summary>
    public static PackedRow PackWide(int wideAt, uint superseded) => new() { _id = Wide | (uint)wideAt, Superseded = superseded };

    /// <summary>The row that was packed under <paramref name="number"/>, not wide; the caller has looked its lease up.</summary>
    public readonly VersionRow Unpack(long number, long lease)
    {
        long distance = (long)(_older >> (LeaseBits + HighVersionBits));
        var version = new KeyVersion(
            (long)(_id >> SubBits),
            (int)_id & ((1 << SubBits) - 1),
            (long)(_create >> LengthBits),
            (long)((_older & ((1 << HighVersionBits) - 1)) << 32) | _version,
            lease,
            ((int)_create & ((1 << LengthBits) - 1)) - 1);
        return new VersionRow(version, distance == 0 ? History.NoRow : number - distance);
    }

    // Negative numbers have high bits.
    private static bool Fits(long value, int bits) => (ulong)value >> bits == 0;
}
