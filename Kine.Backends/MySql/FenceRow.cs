namespace Kine.Backends.MySql;

/// <summary>The fence row in SQL.</summary>
internal static class FenceRow
{
    /// <summary>The query whose row <see cref="Read"/> expects.</summary>
    public const string Select = "SELECT epoch, holder, address, lease_ms, counter, last_revision FROM kine_fence WHERE one = 1";

    /// <summary>
    /// Fails, and so ends the packet before anything behind it is run, unless the statement before changed one row: 2^63 is past a BIGINT, which is an
    /// error under every SQL mode. It lets a whole append travel in one round trip, its COMMIT included.
    /// </summary>
    public static ReadOnlySpan<byte> Guard => "SELECT 9223372036854775807 + (ROW_COUNT() <> 1)"u8;

    /// <summary>Reads the row. Throws <see cref="StoreBrokenException"/> when it is gone.</summary>
    public static Fence Read(Connection connection)
    {
        Fence? fence = null;
        connection.Run(Select, row => fence = Read(row));
        return fence ?? throw new StoreBrokenException("the fence row is gone from the table kine_fence");
    }

    /// <summary>The row of <see cref="Select"/>.</summary>
    public static Fence Read(Row row) => new(
        row.Long(0), new Guid(row.Bytes(1), bigEndian: true), row.Text(2), TimeSpan.FromMilliseconds(row.Long(3)), row.Long(4), row.Long(5));

    /// <summary>
    /// Proves on this very connection, with whatever stands between it and the server, that the guard holds. Throws <see cref="StoreBrokenException"/>.
    /// </summary>
    public static void CheckGuard(Connection connection)
    {
        var text = new SqlText();
        text.Add("UPDATE kine_fence SET counter = counter + 1 WHERE one = 0;"u8).Add(Guard).Add(";SELECT 1"u8);
        try
        {
            connection.Run(text.Written);
        }
        catch (MySqlError error) when (error is { Code: MySqlError.OutOfRange, Statement: 1 })
        {
            connection.Run("ROLLBACK");
            return;
        }
        throw new StoreBrokenException("this server, or a proxy before it, goes on after a statement that failed: appends would not be fenced");
    }
}
