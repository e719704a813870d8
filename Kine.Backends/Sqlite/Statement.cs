using System.Diagnostics;
using SQLitePCL;

namespace Kine.Backends.Sqlite;

/// <summary>A prepared statement: bind (from 1), step, read columns (from 0), reset.</summary>
internal sealed class Statement(Database database, sqlite3_stmt handle) : IDisposable
{
    private readonly nint _columns = handle.DangerousGetHandle(); // of the same statement, for reading columns only
    private bool _started; // a row came since the last reset

    /// <summary>Binds an integer.</summary>
    public void Bind(int index, long value) => database.Check(raw.sqlite3_bind_int64(handle, index, value));

    /// <summary>Binds bytes; SQLite copies them.</summary>
    public void Bind(int index, ReadOnlySpan<byte> value)
    {
        // An empty span has no address, which SQLite would take for NULL.
        database.Check(value.IsEmpty ? raw.sqlite3_bind_zeroblob(handle, index, 0) : raw.sqlite3_bind_blob(handle, index, value));
    }

    /// <summary>Binds text.</summary>
    public void Bind(int index, string value) => database.Check(raw.sqlite3_bind_text(handle, index, value));

    /// <summary>Moves to the next row; false when there is none. The first step tries again as long as <see cref="Database.Patience"/> says.</summary>
    public bool Step()
    {
        long start = 0;
        while (true)
        {
            var code = raw.sqlite3_step(handle);
            if (code == raw.SQLITE_ROW)
                return _started = true;

            if (code == raw.SQLITE_DONE)
                return false;

            var error = database.Error(code);
            raw.sqlite3_reset(handle);
            if (start == 0)
                start = Stopwatch.GetTimestamp();

            if (!error.IsBusy || _started || Stopwatch.GetElapsedTime(start) >= database.Patience)
                throw error;

            Thread.Sleep(1);
        }
    }

    /// <summary>Steps once and resets, for statements without rows.</summary>
    public void Run()
    {
        Step();
        Reset();
    }

    /// <summary>Binds integers from the first parameter on. The end of the scope resets the statement.</summary>
    public Rows Read(params ReadOnlySpan<long> values)
    {
        for (var i = 0; i < values.Length; i++)
            Bind(i + 1, values[i]);

        return new Rows(this);
    }

    /// <summary>First column of the only row of a statement without parameters.</summary>
    public long Number()
    {
        using var rows = Read();
        Step();
        return Long(0);
    }

    // Makes the statement ready for the next run and lets go of its read lock. A failed step has reported its error already.
    private void Reset()
    {
        _started = false;
        raw.sqlite3_reset(handle);
    }

    /// <summary>Integer column.</summary>
    public long Long(int column) => SqliteColumns.Int64(_columns, column);

    /// <summary>Bytes of a column, valid until the next step or reset.</summary>
    public unsafe ReadOnlySpan<byte> Bytes(int column)
    {
        var first = SqliteColumns.Blob(_columns, column);
        return new ReadOnlySpan<byte>(first, SqliteColumns.Bytes(_columns, column));
    }

    /// <summary>Text column.</summary>
    public string Text(int column) => raw.sqlite3_column_text(handle, column).utf8_to_string() ?? "";

    public void Dispose() => handle.Dispose();

    /// <summary>Resets the statement in the end, whatever became of its rows.</summary>
    public readonly ref struct Rows(Statement statement) : IDisposable
    {
        public void Dispose() => statement.Reset();
    }
}
