using System.Data.Common;
using System.Text;
using Kine.Backends.Sql;
using MySqlConnector;

namespace Kine.Backends.MySql;

/// <summary>The fence row in SQL.</summary>
internal static class FenceRow
{
    /// <summary>Asks for the row that <see cref="Read(DbDataReader)"/> expects.</summary>
    public const string Select = $"SELECT {SqlLogReader.FenceColumns} FROM kine_fence WHERE one = 1";

    /// <summary>
    /// Fails, and so ends the packet before anything behind it is run, unless the statement before changed one row: 2^63 is past a BIGINT, which is an
    /// error under every SQL mode. It lets a whole append travel in one round trip, its COMMIT included.
    /// </summary>
    public const string Guard = "SELECT 9223372036854775807 + (ROW_COUNT() <> 1)";

    /// <summary>Reads the row. Throws <see cref="StoreBrokenException"/> when it is gone.</summary>
    public static async Task<Fence> Read(MySqlConnection connection)
    {
        Fence? fence = null;
        await connection.Run(Select, row => fence = Read(row)).ConfigureAwait(false);
        return fence ?? throw new StoreBrokenException("the fence row is gone from the table kine_fence");
    }

    /// <summary>A row of <see cref="SqlLogReader.FenceColumns"/>.</summary>
    public static Fence Read(DbDataReader row) => new(
        row.Long(0), new Guid(row.Bytes(1), bigEndian: true), Encoding.UTF8.GetString(row.Bytes(2)), TimeSpan.FromMilliseconds(row.Long(3)), row.Long(4), row.Long(5));

    /// <summary>
    /// Proves on this very connection, with whatever stands between it and the server, that the guard holds, that a packet is run to its end, and that bytes
    /// arrive as they are. Throws <see cref="StoreBrokenException"/>.
    /// </summary>
    public static async Task CheckGuard(Connection connection)
    {
        var inner = (MySqlConnection)connection.Inner;
        var stopped = false;
        try
        {
            await inner.Run($"UPDATE kine_fence SET counter = counter + 1 WHERE one = 0; {Guard}; SELECT 1", _ => stopped = true).ConfigureAwait(false);
            stopped = false;
        }
        catch (MySqlException error) when (MySqlError.Code(error) == MySqlError.OutOfRange)
        {
            stopped = !stopped;
        }
        if (!stopped)
            throw new StoreBrokenException("this server, or a proxy before it, goes on after a statement that failed: appends would not be fenced");

        long whole = 0;
        connection.Clear();
        connection.Statement("ROLLBACK").Query("SELECT x'00275C0A25FF' = ").Add(new byte[] { 0x00, 0x27, 0x5C, 0x0A, 0x25, 0xFF }).Statement("ROLLBACK").Query("SELECT 1");
        await connection.Commit(row => whole += row.Long(0)).ConfigureAwait(false);
        if (whole != 2)
            throw new StoreBrokenException("this server, or a proxy before it, does not run a packet of several statements to its end, or changes bytes in it");
    }
}
