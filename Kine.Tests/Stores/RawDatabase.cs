using SQLitePCL;

namespace Kine.Tests.Stores;

/// <summary>Somebody else's connection to a database file, as an administrator's shell or a backup tool has it.</summary>
internal sealed class RawDatabase : IAsyncDisposable
{
    private readonly sqlite3 _handle;

    private RawDatabase(sqlite3 handle) => _handle = handle;

    public static RawDatabase Open(string path)
    {
        Batteries_V2.Init();
        Assert.Equal(raw.SQLITE_OK, raw.sqlite3_open(path, out var handle));
        raw.sqlite3_busy_timeout(handle, 5000);
        return new RawDatabase(handle);
    }

    public void Run(string sql)
    {
        var code = raw.sqlite3_exec(_handle, sql);
        Assert.True(code == raw.SQLITE_OK, raw.sqlite3_errmsg(_handle).utf8_to_string());
    }

    public string Text(string sql)
    {
        Assert.Equal(raw.SQLITE_OK, raw.sqlite3_prepare_v2(_handle, sql, out var statement));
        using (statement)
        {
            Assert.Equal(raw.SQLITE_ROW, raw.sqlite3_step(statement));
            return raw.sqlite3_column_text(statement, 0).utf8_to_string();
        }
    }

    public long Long(string sql) => long.Parse(Text(sql));

    /// <summary>SQLite's online backup, a few pages at a time, as the shell's .backup does it.</summary>
    public void BackupTo(RawDatabase target)
    {
        using var backup = raw.sqlite3_backup_init(target._handle, "main", _handle, "main");
        int code;
        do
        {
            code = raw.sqlite3_backup_step(backup, 100);
        }
        while (code is raw.SQLITE_OK or raw.SQLITE_BUSY or raw.SQLITE_LOCKED);
        Assert.Equal(raw.SQLITE_DONE, code);
    }

    public ValueTask DisposeAsync()
    {
        _handle.Dispose();
        return ValueTask.CompletedTask;
    }
}
