using System.Data.Common;

namespace Kine.Backends.Sql;

/// <summary>Columns that may be NULL.</summary>
internal static class SqlRow
{
    /// <summary>Bytes of a column, empty for NULL.</summary>
    public static byte[] Bytes(this DbDataReader row, int column) => row.IsDBNull(column) ? [] : row.GetFieldValue<byte[]>(column);

    /// <summary>Integer column, 0 for NULL.</summary>
    public static long Long(this DbDataReader row, int column) => row.IsDBNull(column) ? 0 : row.GetInt64(column);
}
