namespace Kine.Backends.Sqlite;

/// <summary>Reads the fence row.</summary>
internal static class FenceRow
{
    /// <summary>The query whose statement <see cref="Read"/> expects.</summary>
    public const string Select = "SELECT epoch, holder, address, lease_ms, counter, last_revision FROM fence WHERE one = 1";

    /// <summary>The row as the statement's connection sees it now.</summary>
    public static Fence Read(Statement statement)
    {
        using var rows = statement.Read();
        if (!statement.Step())
            throw new StoreBrokenException("the fence row is gone from the database");

        return new Fence(
            statement.Long(0),
            new Guid(statement.Bytes(1), bigEndian: true),
            statement.Text(2),
            TimeSpan.FromMilliseconds(statement.Long(3)),
            statement.Long(4),
            statement.Long(5));
    }
}
