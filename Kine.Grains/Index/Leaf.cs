using System.Numerics;

namespace Kine.Grains.Index;

/// <summary>
/// Up to <see cref="MaxEntries"/> keys with their newest versions. Once published, the keys never change: one more or less is another leaf.
/// The newest version of a key is replaced where it stands, under a sequence number that is odd meanwhile: a reader that saw it change
/// copies the row again. (Copying the leaf for every update was tried: it costs three times the processor time, for nearly every copy
/// outlives a collection.) Only while an index is loaded, before anybody reads it, leaves have spare room and take keys in place
/// (<see cref="TryInsertInPlace"/>).
/// </summary>
internal sealed class Leaf : IndexNode
{
    public const int MaxEntries = 32;
    public const int MaxKeyBytes = 16 * 1024; // beyond it a leaf is split early, down to one key

    public static readonly Leaf Empty = new(new KeyPacker().Pack().Bytes, [], 0, 0, default);

    private readonly byte[] _keys;
    private readonly VersionRow[] _rows;
    private int _count;
    private int _tombstones;
    private int _sequence; // of replaced rows
    private Fingerprints _prints;

    private Leaf(byte[] keys, VersionRow[] rows, int count, int tombstones, in Fingerprints prints)
    {
        _keys = keys;
        _rows = rows;
        _count = count;
        _tombstones = tombstones;
        _prints = prints;
    }

    public int Count => _count;

    public PackedKeys Keys => new(_keys, _count);

    /// <summary>Entries whose newest version is a tombstone.</summary>
    public int Tombstones => _tombstones;

    public int Live => _count - _tombstones;

    /// <summary>Writer: the newest version of the key at <paramref name="index"/>.</summary>
    public ref readonly VersionRow Row(int index) => ref _rows[index];

    /// <summary>Any thread: the newest version of the key at <paramref name="index"/>.</summary>
    public void Read(int index, out VersionRow row)
    {
        var sequence = Volatile.Read(ref _sequence);
        row = _rows[index];
        Volatile.ReadBarrier();
        if ((sequence & 1) != 0 || Volatile.Read(ref _sequence) != sequence)
            ReadAgain(index, out row);
    }

    /// <summary>Writer: replaces the newest version of the key at <paramref name="index"/>.</summary>
    public void Set(int index, in VersionRow row)
    {
        _tombstones += Dead(row) - Dead(_rows[index]);
        Volatile.Write(ref _sequence, _sequence + 1);
        Volatile.WriteBarrier();
        _rows[index] = row;
        Volatile.Write(ref _sequence, _sequence + 1);
    }

    /// <summary>Where <paramref name="key"/> is, -1 when it is not there.</summary>
    public int Find(ReadOnlySpan<byte> key, byte print)
    {
        var candidates = Fingerprints.Candidates(in _prints, print, _count);
        while (candidates != 0)
        {
            var index = BitOperations.TrailingZeroCount(candidates);
            if (Keys.IsAt(index, key))
                return index;

            candidates &= candidates - 1;
        }

        return -1;
    }

    /// <summary>One key more; only where there is room for another entry. With <paramref name="spare"/>, room for more in place.</summary>
    public Leaf Insert(int index, ReadOnlySpan<byte> key, byte print, in VersionRow row, bool spare, KeyPacker packer)
    {
        var old = Keys;
        var keys = spare ? null : old.Insert(index, key);
        keys ??= Pack(packer.Clear().Add(old, 0, index).Add(key).Add(old, index, _count), _count + 1, spare);
        var rows = new VersionRow[spare ? MaxEntries : _count + 1];
        _rows.AsSpan(0, index).CopyTo(rows);
        rows[index] = row;
        _rows.AsSpan(index, _count - index).CopyTo(rows.AsSpan(index + 1));
        var prints = _prints;
        InsertPrint(ref prints, index, print);
        return new Leaf(keys, rows, _count + 1, _tombstones + Dead(row), prints);
    }

    /// <summary>
    /// The entries from <paramref name="from"/> to before <paramref name="to"/>. With <paramref name="spare"/>, room for more in place.
    /// </summary>
    public Leaf Slice(int from, int to, bool spare, KeyPacker packer)
    {
        if (from == to)
            return Empty;

        var keys = Pack(packer.Clear().Add(Keys, from, to), to - from, spare);
        var rows = new VersionRow[spare ? MaxEntries : to - from];
        _rows.AsSpan(from, to - from).CopyTo(rows);
        Fingerprints prints = default;
        _prints[from..to].CopyTo(prints);
        var tombstones = 0;
        for (var i = from; i < to; i++)
            tombstones += Dead(_rows[i]);

        return new Leaf(keys, rows, to - from, tombstones, prints);
    }

    /// <summary>The same without spare room.</summary>
    public Leaf Trim(KeyPacker packer) =>
        _rows.Length == _count && _keys.Length == Keys.Length ? this : Slice(0, _count, spare: false, packer);

    /// <summary>These entries and then those of <paramref name="next"/>, whose keys are all higher.</summary>
    public Leaf Join(Leaf next, KeyPacker packer)
    {
        var keys = packer.Clear().Add(Keys, 0, _count).Add(next.Keys, 0, next._count).Pack().Bytes;
        VersionRow[] rows = [.. _rows.AsSpan(0, _count), .. next._rows.AsSpan(0, next._count)];
        var prints = _prints;
        next._prints[..next._count].CopyTo(prints[_count..]);
        return new Leaf(keys, rows, rows.Length, _tombstones + next._tombstones, prints);
    }

    /// <summary>Without one entry.</summary>
    public Leaf Without(int index, KeyPacker packer)
    {
        if (_count == 1)
            return Empty;

        var keys = packer.Clear().Add(Keys, 0, index).Add(Keys, index + 1, _count).Pack().Bytes;
        VersionRow[] rows = [.. _rows.AsSpan(0, index), .. _rows.AsSpan(index + 1, _count - index - 1)];
        var prints = _prints;
        _prints[(index + 1)..].CopyTo(prints[index..]);
        return new Leaf(keys, rows, rows.Length, _tombstones - Dead(_rows[index]), prints);
    }

    /// <summary>
    /// Without the keys whose newest version is a tombstone below <paramref name="revision"/>; itself when there is none.
    /// </summary>
    public Leaf WithoutTombstones(long revision, KeyPacker packer)
    {
        if (_tombstones == 0)
            return this;

        packer.Clear();
        Fingerprints prints = default;
        var kept = 0;
        var rows = new VersionRow[_count];
        for (var i = 0; i < _count; i++)
        {
            if (_rows[i].IsTombstone && _rows[i].Mod < revision)
                continue;

            packer.Add(Keys, i);
            prints[kept] = _prints[i];
            rows[kept++] = _rows[i];
        }

        if (kept == _count)
            return this;

        return kept == 0 ? Empty : new Leaf(packer.Pack().Bytes, rows[..kept], kept, _tombstones - (_count - kept), prints);
    }

    /// <summary>Loading only: inserts where it stands; false when there is no room.</summary>
    public bool TryInsertInPlace(int index, ReadOnlySpan<byte> key, byte print, in VersionRow row)
    {
        if (_count == _rows.Length || Keys.Length + key.Length > MaxKeyBytes || !Keys.TryInsertInPlace(index, key))
            return false;

        _rows.AsSpan(index, _count - index).CopyTo(_rows.AsSpan(index + 1));
        _rows[index] = row;
        InsertPrint(ref _prints, index, print);
        _tombstones += Dead(row);
        _count++;
        return true;
    }

    // Not inlined: the writer is between the two sequence numbers for nanoseconds, or was interrupted there.
    private void ReadAgain(int index, out VersionRow row)
    {
        var spin = new SpinWait();
        while (true)
        {
            spin.SpinOnce();
            var sequence = Volatile.Read(ref _sequence);
            row = _rows[index];
            Volatile.ReadBarrier();
            if ((sequence & 1) == 0 && Volatile.Read(ref _sequence) == sequence)
                return;
        }
    }

    private static void InsertPrint(ref Fingerprints prints, int index, byte print)
    {
        prints[index..(MaxEntries - 1)].CopyTo(prints[(index + 1)..]);
        prints[index] = print;
    }

    /// <summary>Loading only: lets go of the entries from <paramref name="count"/> on.</summary>
    public Leaf Truncate(int count)
    {
        _count = count;
        _tombstones = 0;
        for (var i = 0; i < count; i++)
            _tombstones += Dead(_rows[i]);

        return this;
    }

    private static byte[] Pack(KeyPacker packer, int count, bool spare) =>
        spare ? packer.Pack(MaxEntries - count).Bytes : packer.Pack().Bytes;

    private static int Dead(in VersionRow row) => row.IsTombstone ? 1 : 0;
}
