using System.Data.Common;
using Kine.Backends.Upstream;

namespace Kine.Backends.Sql;

/// <summary>Queries on the log and its side state; each is short, and may be repeated on another connection. <c>$1</c>, <c>$2</c>... stand for numbers.</summary>
internal abstract class SqlLogReader : IDisposable
{
    /// <summary>Columns of the fence row, as <see cref="FenceOf"/> expects them.</summary>
    public const string FenceColumns = "epoch, holder, address, lease_ms, counter, last_revision";

    private const int RecordsPerQuery = 65_536;
    private const int LengthsPerQuery = 1024;
    private const int ValuesPerQuery = 512; // longer lists make MariaDB build a temporary table
    private readonly string _metadata;
    private readonly string _lengths;
    private readonly string _records;
    private readonly string _values;

    /// <param name="queries">Runs them.</param>
    /// <param name="log">The log's table under the name <c>log</c>.</param>
    /// <param name="valueLength">Expression for the bytes of a value that does not read it.</param>
    /// <param name="listed">Condition for the ids in the list <c>$1</c>.</param>
    protected SqlLogReader(Queries queries, string log, string valueLength, string listed)
    {
        const string columns = "log.id, log.create_revision, log.version, log.lease, log.tombstone, ";
        const string window = "WHERE log.id > $1 AND log.id <= $2 ORDER BY log.id";
        Queries = queries;
        _metadata = $"SELECT {columns} {valueLength}, log.key FROM {log} {window} LIMIT $3";
        _lengths = $"SELECT log.id, octet_length(log.key) + {valueLength} FROM {log} {window} LIMIT $3";
        _records = $"SELECT {columns} log.key, log.value FROM {log} {window}";
        _values = $"SELECT log.id, log.value FROM {log} WHERE {listed}";
    }

    /// <summary>Runs what may be repeated.</summary>
    protected Queries Queries { get; }

    /// <summary>Query for the bytes of what the log holds, by the accounts that appends and deletions keep.</summary>
    protected abstract string BytesInUseQuery { get; }

    /// <summary>Query for the bytes that deletions have removed.</summary>
    protected abstract string RemovedBytesQuery { get; }

    /// <summary>Query for the bytes that the tables take in their files.</summary>
    protected abstract string BytesOnDiskQuery { get; }

    /// <summary>Adds the document <c>$2</c> under the name <c>$1</c>, unless there is one.</summary>
    protected abstract string AddDocumentStatement { get; }

    /// <summary>Puts <c>$2</c> in the place of the document under the name <c>$1</c>, where that begins with the eight bytes <c>$3</c>.</summary>
    protected abstract string ReplaceDocumentStatement { get; }

    /// <summary>Query for a number above 0 where upstream's table is there.</summary>
    protected abstract string UpstreamTableQuery { get; }

    /// <summary>Query for the columns of <see cref="UpstreamRow"/> after id <c>$1</c>, at most <c>$2</c>. Names are bytes: no character set may touch them.</summary>
    protected abstract string UpstreamRowsQuery { get; }

    /// <summary>A command for a query and the numbers, lists of numbers or bytes in it.</summary>
    protected abstract DbCommand Command(DbConnection connection, string query, object[] values);

    /// <summary>The fence in a row of <see cref="FenceColumns"/>.</summary>
    protected abstract Fence FenceOf(DbDataReader row);

    /// <summary>Deletes those of the records that are there, and counts their bytes as removed.</summary>
    public abstract Task Delete(ReadOnlyMemory<long> keys, CancellationToken cancellationToken);

    /// <summary>Gives free space back while appends go on, as far as the server can.</summary>
    public abstract Task GiveSpaceBack(CancellationToken cancellationToken);

    /// <summary>See <see cref="IRevisionStore.ReadFence"/>.</summary>
    public async Task<Fence> ReadFence(CancellationToken cancellationToken)
    {
        Fence? fence = null;
        await Ask("a read of the fence", $"SELECT {FenceColumns} FROM kine_fence WHERE one = 1", [], row => fence = FenceOf(row), cancellationToken).ConfigureAwait(false);
        return fence ?? throw new StoreBrokenException("the row of the table kine_fence is gone from the database");
    }

    /// <summary>See <see cref="IRevisionStore.ScanMetadata"/>.</summary>
    public async Task<RecordId?> ScanMetadata(
        RecordId after, long toRevision, int maxRecords, MetadataVisitor visit, CancellationToken cancellationToken)
    {
        var position = RecordKey.NotPast(after);
        var last = RecordKey.LastOf(toRevision);
        long visited = -1;
        var key = new byte[1024];
        while (maxRecords > 0 && position < last)
        {
            var limit = Math.Min(maxRecords, RecordsPerQuery);
            // Asked again after a loss, it goes on behind what was visited.
            var got = 0;
            await Queries.Run("a scan", (connection, given) => Read(connection, _metadata, [position, last, (long)(limit - got)], row =>
            {
                position = visited = row.GetInt64(0);
                got++;
                Visit(row, visit, ref key);
            }, given), cancellationToken).ConfigureAwait(false);
            if (got < limit)
                break;

            maxRecords -= got;
        }
        return visited < 0 ? null : RecordKey.IdOf(visited);
    }

    private static void Visit(DbDataReader row, MetadataVisitor visit, ref byte[] key)
    {
        var length = (int)row.GetBytes(6, 0, null, 0, 0);
        if (length > key.Length)
            key = new byte[length];

        row.GetBytes(6, 0, key, 0, length);
        var id = RecordKey.IdOf(row.GetInt64(0));
        var record = new RecordMetadata(id.Revision, id.Sub, row.GetInt64(1), row.GetInt64(2), row.GetInt64(3), row.GetBoolean(4), row.GetInt32(5));
        visit(in record, key.AsSpan(0, length));
    }

    /// <summary>See <see cref="IRevisionStore.ReadRecords"/>.</summary>
    public async Task<List<LogRecord>> ReadRecords(
        RecordId after, long toRevision, int maxRecords, long maxBytes, CancellationToken cancellationToken)
    {
        var records = new List<LogRecord>();
        var position = RecordKey.NotPast(after);
        var last = RecordKey.LastOf(toRevision);
        long bytes = 0;
        while (records.Count < maxRecords && bytes < maxBytes && position < last)
        {
            var limit = Math.Min(maxRecords - records.Count, LengthsPerQuery);
            var page = new List<LogRecord>();
            var end = last;
            await Queries.Run("a read of records", async (connection, given) =>
            {
                page.Clear();
                (var through, end) = await EndOfPage(connection, position, last, limit, maxBytes - bytes, given).ConfigureAwait(false);
                await Read(connection, _records, [position, through], row => page.Add(RecordOf(row)), given).ConfigureAwait(false);
            }, cancellationToken).ConfigureAwait(false);
            records.AddRange(page);
            bytes += page.Sum(static record => (long)record.Key.Length + record.Value.Length);
            position = end;
        }
        return records;
    }

    // The lengths tell through which record a page goes: a value that is not wanted is not read. The next page begins after the end.
    private async Task<(long Through, long End)> EndOfPage(DbConnection connection, long after, long last, int limit, long maxBytes, CancellationToken cancellationToken)
    {
        var through = after;
        long bytes = 0;
        var found = 0;
        await Read(connection, _lengths, [after, last, (long)limit], row =>
        {
            found++;
            if (bytes < maxBytes)
            {
                through = row.GetInt64(0);
                bytes += row.GetInt64(1);
            }
        }, cancellationToken).ConfigureAwait(false);
        return (through, found < limit && bytes < maxBytes ? last : through);
    }

    private static LogRecord RecordOf(DbDataReader row)
    {
        var id = RecordKey.IdOf(row.GetInt64(0));
        return new LogRecord(id.Revision, id.Sub, row.Bytes(5), row.GetInt64(1), row.GetInt64(2), row.GetInt64(3), row.GetBoolean(4), row.Bytes(6));
    }

    /// <summary>See <see cref="IRevisionStore.ReadValues"/>.</summary>
    public async Task<byte[]?[]> ReadValues(ReadOnlyMemory<RecordId> ids, CancellationToken cancellationToken)
    {
        var values = new byte[]?[ids.Length];
        var keys = RecordKey.Sort(ids.Span, out var places);
        for (var start = 0; start < keys.Length; start += ValuesPerQuery)
        {
            var asked = keys[start..Math.Min(start + ValuesPerQuery, keys.Length)];
            var first = start;
            await Ask("a read of values", _values, [asked.ToArray()], row =>
            {
                var value = row.Bytes(1);
                foreach (var place in places.AsSpan(first, asked.Length)[RecordKey.PlacesOf(asked.Span, row.GetInt64(0))])
                    values[place] = value;
            }, cancellationToken).ConfigureAwait(false);
        }
        return values;
    }

    /// <summary>See <see cref="IRevisionStore.ReadSide"/>.</summary>
    public Task<List<SideRow>> ReadSide(CancellationToken cancellationToken) => List(
        "a read of side state",
        "SELECT side.kind, side.key, side.value FROM kine_side side WHERE side.kind <> $1",
        [(long)SideKind.Document],
        static row => new SideRow((SideKind)row.GetInt32(0), row.Bytes(1), row.Bytes(2)),
        cancellationToken);

    /// <summary>The document under a name; null when there is none.</summary>
    public async Task<byte[]?> ReadDocument(byte[] name, CancellationToken cancellationToken)
    {
        byte[]? document = null;
        const string query = "SELECT side.value FROM kine_side side WHERE side.kind = $1 AND side.key = $2";
        await Ask("a read of what processes share", query, [(long)SideKind.Document, name], row => document = row.Bytes(0), cancellationToken).ConfigureAwait(false);
        return document;
    }

    /// <summary>Puts a document in the place of one that begins with the eight bytes of <paramref name="seen"/>, or of none. False when another one stands there.</summary>
    /// <exception cref="OutcomeUnknownException">The server did not say.</exception>
    public async Task<bool> ReplaceDocument(byte[] name, byte[]? seen, byte[] document)
    {
        var rows = 0;
        try
        {
            await Replace().ConfigureAwait(false);
        }
        catch (StoreUnavailableException error) when (error is not StoreFullException)
        {
            throw new OutcomeUnknownException(error.Message, error);
        }

        return rows > 0;

        Task Replace() => Queries.Run("a change of what processes share", async (connection, given) =>
        {
            using var command = seen is null
                ? Command(connection, AddDocumentStatement, [name, document])
                : Command(connection, ReplaceDocumentStatement, [name, document, seen]);
            rows = await command.ExecuteNonQueryAsync(given).ConfigureAwait(false);
        }, CancellationToken.None);
    }

    /// <summary>See <see cref="IUpstreamTable.HasUpstreamTable"/>.</summary>
    public async Task<bool> HasUpstreamTable(CancellationToken cancellationToken) =>
        await Number("a look for upstream's table", UpstreamTableQuery, cancellationToken).ConfigureAwait(false) > 0;

    /// <summary>See <see cref="IUpstreamTable.ReadUpstreamRows"/>.</summary>
    public Task<List<UpstreamRow>> ReadUpstreamRows(long afterId, int maxRows, CancellationToken cancellationToken) => List(
        "a read of upstream's table",
        UpstreamRowsQuery,
        [Math.Max(afterId, 0), (long)Math.Max(maxRows, 0)],
        static row => new UpstreamRow(row.Long(0), row.Bytes(1), row.Long(2) != 0, row.Long(3) != 0, row.Long(4), row.Long(5), row.Long(6), row.Bytes(7)),
        cancellationToken);

    /// <summary>Bytes of what the log holds.</summary>
    public Task<long> BytesInUse(CancellationToken cancellationToken) => Number("a look at the size", BytesInUseQuery, cancellationToken);

    /// <summary>See <see cref="IRevisionStore.Deletions"/>.</summary>
    public Task<long> Deletions(CancellationToken cancellationToken) => Number("a look at what was deleted", RemovedBytesQuery, cancellationToken);

    /// <summary>Bytes that the tables take in their files, as the server last counted them.</summary>
    public Task<long> BytesOnDisk(CancellationToken cancellationToken) => Number("a look at the size", BytesOnDiskQuery, cancellationToken);

    private async Task<long> Number(string what, string query, CancellationToken cancellationToken)
    {
        long number = 0;
        await Ask(what, query, [], row => number = row.Long(0), cancellationToken).ConfigureAwait(false);
        return number;
    }

    private async Task<List<T>> List<T>(string what, string query, object[] values, Func<DbDataReader, T> row, CancellationToken cancellationToken)
    {
        var list = new List<T>();
        await Queries.Run(what, (connection, given) =>
        {
            list.Clear();
            return Read(connection, query, values, found => list.Add(row(found)), given);
        }, cancellationToken).ConfigureAwait(false);
        return list;
    }

    private Task Ask(string what, string query, object[] values, Action<DbDataReader> visit, CancellationToken cancellationToken) =>
        Queries.Run(what, (connection, given) => Read(connection, query, values, visit, given), cancellationToken);

    private async Task Read(DbConnection connection, string query, object[] values, Action<DbDataReader> visit, CancellationToken cancellationToken)
    {
        using var command = Command(connection, query, values);
        var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await using var _ = reader.ConfigureAwait(false);
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            visit(reader);
    }

    public void Dispose() => Queries.Dispose();
}
