namespace Kine.Backends.Sql;

/// <summary>
/// Packs a <see cref="RecordId"/> into the 64-bit integer primary key of an SQL store: revision * 2^22 + sub, which sorts like the id itself.
/// A key of two columns would need a second b-tree, or rows in the inner pages of the only one; both measured slower in every way that matters.
/// </summary>
internal static class RecordKey
{
    private const int SubBits = 22;

    /// <summary>Last place inside one transaction that has a key: 4,194,303.</summary>
    public const int MaxSub = (1 << SubBits) - 1;

    /// <summary>Last revision that has a key: 2,199,023,255,551.</summary>
    public const long MaxRevision = long.MaxValue >> SubBits;

    /// <summary>The key of an id that passes <see cref="Check"/>.</summary>
    public static long Of(RecordId id) => (id.Revision << SubBits) | (long)id.Sub;

    private static bool Fits(RecordId id) => id.Revision is >= 0 and <= MaxRevision && id.Sub is >= 0 and <= MaxSub;

    /// <summary>Throws <see cref="ArgumentException"/> when no record can be stored under the id.</summary>
    public static void Check(RecordId id)
    {
        if (!Fits(id))
            throw new ArgumentException($"record {id} is past what this store can number ({MaxRevision}, {MaxSub})");
    }

    /// <summary>The id behind a key.</summary>
    public static RecordId IdOf(long key) => new(key >> SubBits, (int)(key & MaxSub));

    /// <summary>The last key that is not past the id, for scans that begin after it; any sub is fine.</summary>
    public static long NotPast(RecordId id)
    {
        if (id.Revision > MaxRevision)
            return long.MaxValue;

        return id.Revision < 0 ? -1 : (id.Revision << SubBits) + Math.Clamp(id.Sub, -1, MaxSub);
    }

    /// <summary>The last key of a revision, for scans that end with it.</summary>
    public static long LastOf(long revision) => NotPast(new RecordId(revision, MaxSub));

    /// <summary>
    /// The keys of <paramref name="ids"/> in the log's order, and in <paramref name="places"/> where each of them was asked for; ids that no key can express are
    /// left out. In that order neighbours share a page, and a table is read forwards.
    /// </summary>
    public static ReadOnlyMemory<long> Sort(ReadOnlySpan<RecordId> ids, out int[] places)
    {
        var keys = new long[ids.Length];
        places = new int[ids.Length];
        var count = 0;
        for (var i = 0; i < ids.Length; i++)
        {
            if (!Fits(ids[i]))
                continue;

            keys[count] = Of(ids[i]);
            places[count++] = i;
        }
        Array.Sort(keys, places, 0, count);
        return keys.AsMemory(0, count);
    }

    /// <summary>Where a key stands among sorted ones: it may have been asked for more than once.</summary>
    public static Range PlacesOf(ReadOnlySpan<long> sorted, long key)
    {
        var from = sorted.BinarySearch(key);
        if (from < 0)
            return ..0;

        var to = from + 1;
        while (from > 0 && sorted[from - 1] == key)
            from--;

        while (to < sorted.Length && sorted[to] == key)
            to++;

        return from..to;
    }
}
