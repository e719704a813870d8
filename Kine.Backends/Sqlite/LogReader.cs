using Kine.Backends.Sql;
using Kine.Backends.Upstream;

namespace Kine.Backends.Sqlite;

/// <summary>One read connection and its prepared statements. Every method is one short read transaction, so that the WAL can start over in between.</summary>
/// <param name="database">The connection; taken over.</param>
internal sealed class LogReader(Database database) : IDisposable
{
    // A query holds its read lock no longer than a few milliseconds, however much was asked for.
    private const int RecordsPerQuery = 8192;
    private const int ValuesPerQuery = 512;
    private readonly Statement _begin = database.Prepare("BEGIN");
    private readonly Statement _end = database.Prepare("ROLLBACK");
    private readonly Statement _value = database.Prepare("SELECT value FROM log WHERE id = ?1");

    // length() of a blob is in its row's header: a long value's overflow pages are not read.
    private readonly Statement _metadata = database.Prepare(
        """
        SELECT id, key, create_revision, version, lease, tombstone, length(value) FROM log
        WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?3
        """);

    private readonly Statement _records = database.Prepare(
        "SELECT id, key, create_revision, version, lease, tombstone, value FROM log WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?3");

    private readonly Statement _side = database.Prepare("SELECT kind, key, value FROM side");
    private readonly Statement _fence = database.Prepare(FenceRow.Select);
    private readonly Statement _pageCount = database.Prepare("PRAGMA page_count");
    private readonly Statement _freePages = database.Prepare("PRAGMA freelist_count");
    private readonly long _pageSize = database.QueryLong("PRAGMA page_size");
    private Statement? _upstream; // its table need not be there

    /// <summary>The fence row.</summary>
    public Fence Fence() => FenceRow.Read(_fence);

    /// <summary>See <see cref="IRevisionStore.ScanMetadata"/>.</summary>
    public RecordId? ScanMetadata(RecordId after, long toRevision, int maxRecords, MetadataVisitor visit, CancellationToken cancellationToken)
    {
        var position = RecordKey.NotPast(after);
        var last = RecordKey.LastOf(toRevision);
        long visited = -1;
        while (maxRecords > 0 && position < last)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var limit = Math.Min(maxRecords, RecordsPerQuery);
            var got = ScanOnce(position, last, limit, visit, ref visited);
            if (got < limit)
                break;

            maxRecords -= got;
            position = visited;
        }
        return visited < 0 ? null : RecordKey.IdOf(visited);
    }

    private int ScanOnce(long after, long last, int limit, MetadataVisitor visit, ref long visited)
    {
        using var rows = _metadata.Read(after, last, limit);
        var got = 0;
        for (; _metadata.Step(); got++)
        {
            visited = _metadata.Long(0);
            var id = RecordKey.IdOf(visited);
            var record = new RecordMetadata(
                id.Revision, id.Sub, _metadata.Long(2), _metadata.Long(3), _metadata.Long(4), _metadata.Long(5) != 0,
                (int)_metadata.Long(6));
            visit(in record, _metadata.Bytes(1));
        }
        return got;
    }

    /// <summary>See <see cref="IRevisionStore.ReadRecords"/>.</summary>
    public List<LogRecord> ReadRecords(RecordId after, long toRevision, int maxRecords, long maxBytes)
    {
        var records = new List<LogRecord>();
        long bytes = 0;
        using var rows = _records.Read(RecordKey.NotPast(after), RecordKey.LastOf(toRevision), Math.Max(maxRecords, 0));
        while (_records.Step())
        {
            var id = RecordKey.IdOf(_records.Long(0));
            var key = _records.Bytes(1).ToArray();
            var value = _records.Bytes(6).ToArray();
            bytes += key.Length + value.Length;
            records.Add(new LogRecord(
                id.Revision, id.Sub, key, _records.Long(2), _records.Long(3), _records.Long(4), _records.Long(5) != 0, value));
            if (bytes >= maxBytes)
                break;
        }
        return records;
    }

    /// <summary>See <see cref="IRevisionStore.ReadValues"/>.</summary>
    public byte[]?[] ReadValues(ReadOnlySpan<RecordId> ids)
    {
        var values = new byte[]?[ids.Length];
        var keys = RecordKey.Sort(ids, out var places).Span;
        for (var start = 0; start < keys.Length; start += ValuesPerQuery)
        {
            var count = Math.Min(ValuesPerQuery, keys.Length - start);
            ReadSorted(keys.Slice(start, count), places.AsSpan(start, count), values);
        }
        return values;
    }

    private void ReadSorted(ReadOnlySpan<long> keys, ReadOnlySpan<int> places, byte[]?[] values)
    {
        // One transaction takes and drops the read lock once instead of at every value.
        _begin.Run();
        try
        {
            for (var i = 0; i < keys.Length; i++)
            {
                using var rows = _value.Read(keys[i]);
                if (_value.Step())
                    values[places[i]] = _value.Bytes(0).ToArray();
            }
        }
        finally
        {
            _end.Run();
        }
    }

    /// <summary>See <see cref="IRevisionStore.ReadSide"/>.</summary>
    public List<SideRow> ReadSide()
    {
        var found = new List<SideRow>();
        using var rows = _side.Read();
        while (_side.Step())
            found.Add(new SideRow((SideKind)_side.Long(0), _side.Bytes(1).ToArray(), _side.Bytes(2).ToArray()));

        return found;
    }

    /// <summary>See <see cref="IUpstreamTable.HasUpstreamTable"/>.</summary>
    public bool HasUpstreamTable() => SqliteSchema.HasUpstreamTable(database);

    /// <summary>See <see cref="IUpstreamTable.ReadUpstreamRows"/>. Releases differ in the type of the name's column, and columns may be null.</summary>
    public List<UpstreamRow> ReadUpstreamRows(long afterId, int maxRows)
    {
        _upstream ??= database.Prepare(
            "SELECT id, name, created, deleted, create_revision, prev_revision, lease, value FROM kine WHERE id > ?1 ORDER BY id LIMIT ?2");
        var found = new List<UpstreamRow>();
        using var rows = _upstream.Read(afterId, Math.Max(maxRows, 0));
        while (_upstream.Step())
        {
            found.Add(new UpstreamRow(
                _upstream.Long(0), _upstream.Bytes(1).ToArray(), _upstream.Long(2) != 0, _upstream.Long(3) != 0, _upstream.Long(4),
                _upstream.Long(5), _upstream.Long(6), _upstream.Bytes(7).ToArray()));
        }
        return found;
    }

    /// <summary>Bytes of the database file's pages and of those in use, as committed.</summary>
    public StoreSize Size()
    {
        _begin.Run();
        try
        {
            var total = _pageCount.Number();
            return new StoreSize(total * _pageSize, (total - _freePages.Number()) * _pageSize);
        }
        finally
        {
            _end.Run();
        }
    }

    public void Dispose() => database.Dispose();
}
