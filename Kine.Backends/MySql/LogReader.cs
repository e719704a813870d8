using Kine.Backends.Upstream;

namespace Kine.Backends.MySql;

/// <summary>Queries on the log and its side state; each is short. They run on a reader's thread and may be repeated on another connection.</summary>
internal static class LogReader
{
    private const int RecordsPerQuery = 8192;
    private const int LengthsPerQuery = 1024;
    private const int ValuesPerQuery = 512; // longer lists make MariaDB build a temporary table

    /// <summary>See <see cref="IRevisionStore.ScanMetadata"/>.</summary>
    public static RecordId? ScanMetadata(
        Session session, RecordId after, long toRevision, int maxRecords, MetadataVisitor visit, CancellationToken cancellationToken)
    {
        var position = RecordKey.NotPast(after);
        var last = RecordKey.LastOf(toRevision);
        long visited = -1;
        var left = maxRecords;
        RowVisitor visitRow = row =>
        {
            visited = row.Long(0);
            left--;
            var id = RecordKey.IdOf(visited);
            var record = new RecordMetadata(id.Revision, id.Sub, row.Long(1), row.Long(2), row.Long(3), row.Long(4) != 0, (int)row.Long(5));
            visit(in record, row.Bytes(6));
        };
        while (left > 0 && position < last)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var before = left;
            var limit = Math.Min(left, RecordsPerQuery);
            session.Read(connection =>
            {
                // A second try goes on behind what was visited.
                var text = session.Text.Clear()
                    .Add("SELECT id, create_revision, version, lease, tombstone, value_length, `key` FROM kine_log FORCE INDEX (PRIMARY) WHERE id > "u8)
                    .Add(Math.Max(position, visited)).Add(" AND id <= "u8).Add(last).Add(" ORDER BY id LIMIT "u8).Add(limit - (before - left));
                connection.Run(text.Written, default, visitRow);
                return true;
            });
            if (before - left < limit)
            {
                break;
            }

            position = visited;
        }
        return visited < 0 ? null : RecordKey.IdOf(visited);
    }

    /// <summary>See <see cref="IRevisionStore.ReadRecords"/>.</summary>
    public static List<LogRecord> ReadRecords(
        Session session, RecordId after, long toRevision, int maxRecords, long maxBytes, CancellationToken cancellationToken)
    {
        var records = new List<LogRecord>();
        var position = RecordKey.NotPast(after);
        var last = RecordKey.LastOf(toRevision);
        long bytes = 0;
        while (records.Count < maxRecords && bytes < maxBytes && position < last)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var limit = Math.Min(maxRecords - records.Count, LengthsPerQuery);
            var page = session.Read(connection => ReadPage(connection, session.Text, position, last, limit, maxBytes - bytes, out position));
            records.AddRange(page);
            foreach (var record in page)
            {
                bytes += record.Key.Length + record.Value.Length;
            }
        }
        return records;
    }

    // The lengths tell first how far the page goes: a value that is not wanted is not read. The next page begins after "end".
    private static List<LogRecord> ReadPage(Connection connection, SqlText text, long after, long last, int limit, long maxBytes, out long end)
    {
        long through = -1;
        long bytes = 0;
        var found = 0;
        text.Clear().Add("SELECT id, LENGTH(`key`) + value_length FROM kine_log FORCE INDEX (PRIMARY) WHERE id > "u8).Add(after)
            .Add(" AND id <= "u8).Add(last).Add(" ORDER BY id LIMIT "u8).Add(limit);
        connection.Run(text.Written, default, row =>
        {
            found++;
            if (bytes >= maxBytes)
            {
                return;
            }

            through = row.Long(0);
            bytes += row.Long(1);
        });
        end = found < limit && bytes < maxBytes ? last : through;
        var records = new List<LogRecord>();
        if (through < 0)
        {
            return records;
        }

        text.Clear().Add("SELECT id, create_revision, version, lease, tombstone, `key`, value FROM kine_log FORCE INDEX (PRIMARY) WHERE id > "u8).Add(after)
            .Add(" AND id <= "u8).Add(through).Add(" ORDER BY id"u8);
        connection.Run(text.Written, default, row =>
        {
            var id = RecordKey.IdOf(row.Long(0));
            records.Add(new LogRecord(
                id.Revision, id.Sub, row.Bytes(5).ToArray(), row.Long(1), row.Long(2), row.Long(3), row.Long(4) != 0, row.Bytes(6).ToArray()));
        });
        return records;
    }

    /// <summary>See <see cref="IRevisionStore.ReadValues"/>.</summary>
    public static byte[]?[] ReadValues(Session session, ReadOnlySpan<RecordId> ids, CancellationToken cancellationToken)
    {
        var values = new byte[]?[ids.Length];
        var keys = RecordKey.Sort(ids, out var places);
        for (var start = 0; start < keys.Length; start += ValuesPerQuery)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var asked = keys.Slice(start, Math.Min(ValuesPerQuery, keys.Length - start));
            var first = start;
            session.Read(connection =>
            {
                var text = session.Text.Clear().Add("SELECT id, value FROM kine_log FORCE INDEX (PRIMARY) WHERE id IN "u8).List(asked.Span);
                connection.Run(text.Written, default, row =>
                {
                    // An id may be asked for more than once.
                    var id = row.Long(0);
                    var value = row.Bytes(1).ToArray();
                    var at = asked.Span.BinarySearch(id);
                    while (at > 0 && asked.Span[at - 1] == id)
                    {
                        at--;
                    }

                    for (; at >= 0 && at < asked.Length && asked.Span[at] == id; at++)
                    {
                        values[places[first + at]] = value;
                    }
                });
                return true;
            });
        }
        return values;
    }

    /// <summary>See <see cref="IRevisionStore.ReadSide"/>.</summary>
    public static List<SideRow> ReadSide(Connection connection)
    {
        var rows = new List<SideRow>();
        connection.Run(
            "SELECT kind, `key`, value FROM kine_side",
            row => rows.Add(new SideRow((SideKind)row.Long(0), row.Bytes(1).ToArray(), row.Bytes(2).ToArray())));
        return rows;
    }

    /// <summary>
    /// Deletes the records and counts their bytes as removed, in one transaction; repeating it changes nothing.
    /// </summary>
    public static bool Delete(Connection connection, SqlText text, ReadOnlySpan<long> keys)
    {
        // One statement a packet: see LogWriter.
        long bytes = 0;
        connection.Run("START TRANSACTION");
        text.Clear().Add("SELECT SUM("u8).Add(LogWriter.RowBytes)
            .Add(" + LENGTH(`key`) + value_length) FROM kine_log FORCE INDEX (PRIMARY) WHERE id IN "u8).List(keys).Add(" FOR UPDATE"u8);
        connection.Run(text.Written, default, row => bytes = row.Long(0));
        connection.Run(text.Clear().Add("DELETE FROM kine_log WHERE id IN "u8).List(keys).Written);
        connection.Run(text.Clear().Add("UPDATE kine_size SET removed_bytes = removed_bytes + "u8).Add(bytes).Add(" WHERE one = 1"u8).Written);
        connection.Run("COMMIT");
        return true;
    }

    /// <summary>Bytes of what the log holds, by the accounts that appends and deletions keep.</summary>
    public static long BytesInUse(Connection connection)
    {
        long bytes = 0;
        connection.Run(
            "SELECT appended_bytes - (SELECT removed_bytes FROM kine_size WHERE one = 1) FROM kine_fence WHERE one = 1", row => bytes = row.Long(0));
        return bytes;
    }

    /// <summary>Bytes that the tables take in their files, as the server last counted them.</summary>
    public static long BytesOnDisk(Connection connection)
    {
        long bytes = 0;
        connection.Run(
            """
            SELECT SUM(data_length + index_length + data_free) FROM information_schema.tables
            WHERE table_schema = DATABASE() AND table_name IN ('kine_log', 'kine_side')
            """,
            row => bytes = row.Long(0));
        return bytes;
    }

    /// <summary>See <see cref="IUpstreamTable.HasUpstreamTable"/>.</summary>
    public static bool HasUpstreamTable(Connection connection)
    {
        var found = false;
        connection.Run("SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'kine'", _ => found = true);
        return found;
    }

    /// <summary>See <see cref="IUpstreamTable.ReadUpstreamRows"/>.</summary>
    public static List<UpstreamRow> ReadUpstreamRows(Connection connection, SqlText text, long afterId, int maxRows)
    {
        var rows = new List<UpstreamRow>();
        text.Clear().Add("SELECT id, name, created, deleted, create_revision, prev_revision, lease, value FROM kine FORCE INDEX (PRIMARY) WHERE id > "u8)
            .Add(Math.Max(afterId, 0)).Add(" ORDER BY id LIMIT "u8).Add(Math.Max(maxRows, 0));
        connection.Run(text.Written, default, row => rows.Add(new UpstreamRow(
            row.Long(0), row.Bytes(1).ToArray(), row.Long(2) != 0, row.Long(3) != 0, row.Long(4), row.Long(5), row.Long(6), row.Bytes(7).ToArray())));
        return rows;
    }
}
