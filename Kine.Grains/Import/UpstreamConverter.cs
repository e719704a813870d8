using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using Kine.Backends;
using Kine.Backends.Upstream;
using Kine.Grains.Watch;

namespace Kine.Grains.Import;

/// <summary>
/// Turns rows of upstream kine's table, in the order of their ids, into records. A worked example:
/// <code>
/// 1 compact_rev_key, prev_revision 7      no record: the compaction mark is 7
/// 5 a, created                            revision 5, created at 5, version 1
/// 8 a, create_revision 5                  revision 8, created at 5, version 2
/// 9 gap-9, deleted                        no record: a revision that nothing happened in
/// 10 a, deleted                           revision 10, tombstone
/// 12 b, create_revision 3 (3 compacted)   revision 12, created at 3, version 2 at least
/// 13 compact_rev_key_apiserver "4|900"    revision 13, key compact_rev_key, version 4, value "900"
/// </code>
/// </summary>
internal sealed class UpstreamConverter
{
    private const int PageRows = 500;
    private static readonly byte[] MarkName = Encoding.ASCII.GetBytes("compact_rev_key");
    private static readonly byte[] ApiServerName = Encoding.ASCII.GetBytes("compact_rev_key_apiserver");
    private readonly Dictionary<byte[], Generation> _alive = new(KeyBytes.Comparer);

    /// <summary>Rows seen.</summary>
    public long Rows { get; private set; }

    /// <summary>Id of the last row, which is upstream's current revision; 0 before the first.</summary>
    public long LastId { get; private set; }

    /// <summary>The compaction mark, -1 = none.</summary>
    public long CompactRevision { get; private set; } = -1;

    /// <summary>
    /// The leases of the keys that are alive. Upstream has none but a number of seconds with each key, and gave that number to clients as the lease's id: so
    /// there is one lease for each number, under that id.
    /// </summary>
    public IReadOnlyList<(long Id, long Ttl)> Leases => [.. _alive.Values.Select(key => key.Lease).Where(ttl => ttl > 0).Distinct().Select(ttl => (ttl, ttl))];

    /// <summary>The records of all rows. Throws <see cref="ImportException"/> for a key at revision 1, which no log can hold.</summary>
    public async IAsyncEnumerable<LogRecord> Records(IUpstreamTable table, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var next = table.ReadUpstreamRows(LastId, PageRows, cancellationToken);
        while (await next is { Count: > 0 } page)
        {
            // The next rows are on their way while these are used.
            next = table.ReadUpstreamRows(page[^1].Id, PageRows, cancellationToken);
            foreach (var row in page)
            {
                if (Convert(row) is { } record)
                    yield return record;
            }
        }
    }

    // Null when the row stands for no record.
    private LogRecord? Convert(in UpstreamRow row)
    {
        Rows++;
        LastId = row.Id;
        if (row.Name.AsSpan().SequenceEqual(MarkName))
        {
            CompactRevision = row.PreviousRevision > 0 ? Math.Max(CompactRevision, row.PreviousRevision) : CompactRevision;
            return null;
        }

        if (IsGap(row))
            return null;

        if (row.Id <= 1 || row.Name.Length == 0)
        {
            throw new ImportException(
                $"the row with id {row.Id} of upstream kine's table (key \"{Encoding.UTF8.GetString(row.Name)}\") cannot be taken: keys have names and begin at revision 2");
        }

        var ofApiServer = row.Name.AsSpan().SequenceEqual(ApiServerName);
        var key = ofApiServer ? MarkName : row.Name;
        if (row.Deleted)
        {
            _alive.Remove(key);
            return new LogRecord(row.Id, 0, key, 0, 0, 0, true, default);
        }

        var generation = Next(key, row);
        ReadOnlyMemory<byte> value = row.Value;
        if (ofApiServer)
        {
            (var version, value) = ReadVersion(row.Value);
            generation = generation with { Version = version > 0 ? version : generation.Version };
        }

        _alive[key] = generation;
        return new LogRecord(row.Id, 0, key, generation.Create, generation.Version, generation.Lease, false, value);
    }

    private Generation Next(byte[] key, in UpstreamRow row)
    {
        var lease = Math.Max(row.Lease, 0);
        if (row.Created)
            return new Generation(row.Id, 1, lease);

        // Without the rows before it, at least the one that created the key is missing.
        var known = _alive.TryGetValue(key, out var before);
        var create = row.CreateRevision > 0 && row.CreateRevision < row.Id ? row.CreateRevision : known ? before.Create : row.Id;
        return new Generation(create, create == row.Id ? 1 : known ? before.Version + 1 : 2, lease);
    }

    private static bool IsGap(in UpstreamRow row) => row.Deleted
        && row.PreviousRevision == 0
        && row.Name.AsSpan().SequenceEqual(Encoding.ASCII.GetBytes($"gap-{row.Id}"));

    // "version|value"; releases before the value was kept wrote the version alone, and answered 0.
    private static (long Version, byte[] Value) ReadVersion(byte[] stored)
    {
        var bar = Array.IndexOf(stored, (byte)'|');
        ReadOnlySpan<byte> version = bar < 0 ? stored : stored.AsSpan(0, bar);
        return (long.TryParse(version, NumberStyles.None, CultureInfo.InvariantCulture, out var parsed) ? parsed : 0, bar < 0 ? [(byte)'0'] : stored[(bar + 1)..]);
    }

    private readonly record struct Generation(long Create, long Version, long Lease);
}
