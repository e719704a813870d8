using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using Kine.Backends;
using Kine.Backends.Sqlite;
using Kine.Tests.Servers;

namespace Kine.Tests.Stores;

/// <summary>What only SQLite has: the file, its lock, its journal.</summary>
public sealed partial class SqliteStoreTests : IDisposable
{
    private readonly TempFolder _folder = new();

    private string Path => _folder.File("db/state.db");

    public void Dispose() => _folder.Dispose();

    private SqliteRevisionStore Create() => new(new SqliteOptions { Path = Path });

    [Fact]
    public async Task A_second_store_on_the_same_file_is_refused_with_the_pid_of_the_first()
    {
        await using var first = Create();
        await first.Open(default);
        var link = _folder.File("other-name.db");
        File.CreateSymbolicLink(link, Path);

        foreach (var name in new[] { Path, link })
        {
            await using var second = new SqliteRevisionStore(new SqliteOptions { Path = name });
            var refused = await Assert.ThrowsAsync<StoreRefusedException>(() => second.Open(default));
            Assert.Contains(Path, refused.Message);
            Assert.Contains($"pid {Environment.ProcessId}", refused.Message);
        }

        await first.DisposeAsync();
        await using var third = Create();
        await third.Open(default);
    }

    [Fact]
    public async Task A_file_of_several_hard_links_is_refused_under_each_name_and_left_alone()
    {
        await using (var store = Create())
        {
            await store.Open(default);
            await LogFiller.Fill(store, 10);
        }

        var other = _folder.File("other.db");
        Assert.Equal(0, (await Command.Run("ln", [Path, other])).ExitCode);
        var before = File.ReadAllBytes(Path);

        foreach (var name in new[] { Path, other })
        {
            await using var store = new SqliteRevisionStore(new SqliteOptions { Path = name });
            var refused = await Assert.ThrowsAsync<StoreRefusedException>(() => store.Open(default));
            Assert.Contains($"{name} has 2 hard links", refused.Message);
        }

        Assert.Equal(before, File.ReadAllBytes(Path));
        File.Delete(other);
        await using var again = Create();
        await again.Open(default);
    }

    [Fact]
    public async Task A_file_that_is_a_mount_point_is_refused()
    {
        await using (var store = Create())
        {
            await store.Open(default);
        }

        var mounted = _folder.File("mounted.db");
        File.WriteAllText(mounted, "");
        const string Script = "mount --bind \"$1\" \"$2\" && exec \"$3\" --listen-address 127.0.0.1:0 --metrics-bind-address 0 --endpoint \"sqlite://$2\"";
        var run = await Command.Run("unshare", ["--map-root-user", "--mount", "sh", "-c", Script, "sh", Path, mounted, TestTools.Kine]);

        Assert.Equal(1, run.ExitCode);
        Assert.Equal(
            $"kine: {mounted} is a mount point: its write-ahead log would lie beside it and not with the file; mount the folder that holds it\n", run.Errors);
        Assert.False(File.Exists(mounted + ".lock"));
    }

    [Fact]
    public async Task Another_process_that_holds_the_lock_keeps_the_store_out_until_it_dies()
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(Path)!);
        var lockFile = Path + ".lock";
        var start = new ProcessStartInfo("flock", [lockFile, "sleep", "60"]);
        using var holder = Process.Start(start)!;
        try
        {
            while (!File.Exists(lockFile) || !Held(lockFile))
                await Task.Delay(10);

            await using var store = Create();
            await Assert.ThrowsAsync<StoreRefusedException>(() => store.Open(default));
        }
        finally
        {
            holder.Kill(entireProcessTree: true);
            holder.WaitForExit();
        }

        // What the holder started inherited the lock and may end a moment later.
        while (Held(lockFile))
            await Task.Delay(10);

        await using var after = Create();
        await after.Open(default);

        static bool Held(string path)
        {
            using var probe = Process.Start(new ProcessStartInfo("flock", ["--nonblock", path, "true"]))!;
            probe.WaitForExit();
            return probe.ExitCode != 0;
        }
    }

    [Fact]
    [UnsupportedOSPlatform("windows")]
    public async Task Files_are_readable_by_their_owner_only_and_so_is_a_folder_that_had_to_be_made()
    {
        await using var store = Create();
        await store.Open(default);
        await LogFiller.Fill(store, 10);

        const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        var folder = System.IO.Path.GetDirectoryName(Path)!;
        Assert.Equal(["state.db", "state.db-shm", "state.db-wal", "state.db.lock", "state.db.reserve"], Directory.GetFiles(folder).Select(System.IO.Path.GetFileName).Order());
        Assert.All(Directory.GetFiles(folder), file => Assert.Equal(OwnerOnly, File.GetUnixFileMode(file)));
        Assert.Equal(OwnerOnly | UnixFileMode.UserExecute, File.GetUnixFileMode(folder));
    }

    [Fact]
    public async Task A_clean_close_leaves_one_complete_file()
    {
        await using var store = Create();
        await store.Open(default);
        await LogFiller.Fill(store, 10);
        await store.DisposeAsync();

        Assert.False(File.Exists(Path + "-wal"));
        Assert.False(File.Exists(Path + "-shm"));
        await using var file = RawDatabase.Open(Path);
        Assert.Equal(10, file.Long("SELECT count(*) FROM records WHERE revision BETWEEN 2 AND 11 AND sub = 0"));
    }

    [Theory]
    [InlineData("CREATE TABLE kine(id INTEGER PRIMARY KEY, name TEXT)", "some other program")]
    [InlineData("CREATE TABLE cats(name TEXT)", "some other program")]
    public async Task A_database_of_another_program_is_refused_and_left_alone(string sql, string reason)
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(Path)!);
        await using (var file = RawDatabase.Open(Path))
        {
            file.Run(sql);
        }

        var before = File.ReadAllBytes(Path);

        await using var store = Create();
        var refused = await Assert.ThrowsAsync<StoreRefusedException>(() => store.Open(default));

        Assert.Contains(reason, refused.Message);
        Assert.Contains(Path, refused.Message);
        Assert.Equal(before, File.ReadAllBytes(Path));
    }

    [Fact]
    public async Task A_file_that_is_no_database_is_refused_and_left_alone()
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(Path)!);
        var text = new byte[4096];
        Array.Fill(text, (byte)'x');
        File.WriteAllBytes(Path, text);

        await using var store = Create();
        var refused = await Assert.ThrowsAsync<StoreRefusedException>(() => store.Open(default));

        Assert.Contains("not an SQLite database", refused.Message);
        Assert.Equal(text, File.ReadAllBytes(Path));
    }

    [Fact]
    public async Task A_newer_schema_is_refused()
    {
        await using (var store = Create())
        {
            await store.Open(default);
        }

        await using (var file = RawDatabase.Open(Path))
        {
            file.Run("PRAGMA user_version = 99");
        }

        await using var again = Create();
        var refused = await Assert.ThrowsAsync<StoreRefusedException>(() => again.Open(default));
        Assert.Contains("version 99", refused.Message);
    }

    [Fact]
    public async Task A_folder_in_place_of_the_file_and_a_folder_that_cannot_be_made_are_refused()
    {
        Directory.CreateDirectory(Path);
        await using var store = Create();
        Assert.Contains("is a folder", (await Assert.ThrowsAsync<StoreRefusedException>(() => store.Open(default))).Message);

        File.WriteAllText(_folder.File("file"), "");
        await using var below = new SqliteRevisionStore(new SqliteOptions { Path = _folder.File("file/state.db") });
        Assert.Contains("cannot create", (await Assert.ThrowsAsync<StoreRefusedException>(() => below.Open(default))).Message);
    }

    [Fact]
    public async Task The_journal_is_a_wal_that_only_our_checkpointer_empties_and_commits_are_synchronous()
    {
        await using var store = Create();
        await store.Open(default);
        await LogFiller.Fill(store, 100);
        await using var file = RawDatabase.Open(Path);
        Assert.Equal("wal", file.Text("PRAGMA journal_mode"));
        Assert.Empty(store.Warnings);

        await using var lax = new SqliteRevisionStore(new SqliteOptions { Path = _folder.File("lax.db"), Synchronous = SqliteSynchronous.Normal });
        await lax.Open(default);
        Assert.Contains("power", Assert.Single(lax.Warnings));
    }

    [Fact]
    public async Task An_online_backup_taken_under_writes_opens_as_a_whole_store()
    {
        await using var store = Create();
        await store.Open(default);
        (var token, var last) = await LogFiller.Fill(store, 2000);
        var copy = _folder.File("copy.db");

        using var stop = new CancellationTokenSource();
        var writes = Task.Run(async () =>
        {
            for (var at = last; !stop.IsCancellationRequested; at++)
                await LogFiller.AppendOne(store, token, at);
        });
        await using (var source = RawDatabase.Open(Path))
        await using (var target = RawDatabase.Open(copy))
        {
            source.BackupTo(target);
        }

        stop.Cancel();
        await writes;

        await using var restored = new SqliteRevisionStore(new SqliteOptions { Path = copy });
        await restored.Open(default);
        var fence = await restored.ReadFence(default);
        var records = await restored.ReadRecords(default, long.MaxValue, int.MaxValue, long.MaxValue, default);
        Assert.True(fence.LastRevision >= last);
        Assert.Equal(Enumerable.Range(2, (int)fence.LastRevision - 1), records.Select(record => (int)record.Revision));
        await using var check = RawDatabase.Open(copy);
        Assert.Equal("ok", check.Text("PRAGMA integrity_check"));
    }

    [Fact]
    public async Task The_wal_stays_bounded_under_constant_load_with_readers_and_the_file_stays_sound()
    {
        const long Limit = 4 << 20;
        await using var store = new SqliteRevisionStore(new SqliteOptions { Path = Path, CheckpointBytes = 1 << 20, WalLimitBytes = Limit });
        await store.Open(default);
        (var token, var last) = await LogFiller.Fill(store, 1);
        using var stop = new CancellationTokenSource();
        var reads = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
                await store.ScanMetadata(default, long.MaxValue, 2000, (in RecordMetadata _, ReadOnlySpan<byte> _) => { }, default);
        });

        long highest = 0;
        for (var batch = 0; batch < 600; batch++)
        {
            last = await LogFiller.Append(store, token, last, count: 64, valueLength: 1024);
            highest = Math.Max(highest, new FileInfo(Path + "-wal").Length);
        }
        stop.Cancel();
        await reads;

        Assert.InRange(highest, Limit, 6 * Limit); // of 38 MB written; a reader that a busy machine stops keeps more of it
        await store.DisposeAsync();
        await using var file = RawDatabase.Open(Path);
        Assert.Equal("ok", file.Text("PRAGMA integrity_check"));
        Assert.Equal(last - 1, file.Long("SELECT count(*) FROM log"));
    }

    [Fact]
    public async Task Sqlite_sleeps_for_as_long_as_it_means_to()
    {
        await using var store = Create();
        await store.Open(default);
        var start = Stopwatch.GetTimestamp();
        for (var i = 0; i < 3; i++)
            Sleep(milliseconds: 1);

        Assert.True(Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(2), "whole seconds: the packaged library was built without a finer sleep");
    }

    [LibraryImport("e_sqlite3", EntryPoint = "sqlite3_sleep")]
    private static partial int Sleep(int milliseconds);

    [Fact]
    public async Task A_lock_of_another_process_delays_an_append_and_past_the_timeout_fails_it_as_not_written()
    {
        await using var store = new SqliteRevisionStore(new SqliteOptions { Path = Path, BusyTimeout = TimeSpan.FromMilliseconds(300) });
        await store.Open(default);
        (var token, var last) = await LogFiller.Fill(store, 1);
        await using var other = RawDatabase.Open(Path);

        other.Run("BEGIN IMMEDIATE");
        await Assert.ThrowsAsync<StoreUnavailableException>(() => LogFiller.AppendOne(store, token, last));
        Task waiting = LogFiller.AppendOne(store, token, last);
        await Task.Delay(50);
        Assert.False(waiting.IsCompleted);
        other.Run("ROLLBACK");
        await waiting;

        Assert.Equal(last + 1, (await store.ReadFence(default)).LastRevision);
    }

    [Fact]
    public async Task Without_space_an_append_fails_as_not_written_and_works_again_once_there_is_some()
    {
        await using var store = Create();
        await store.Open(default);
        (var token, var last) = await LogFiller.Fill(store, 10);
        await store.LimitPages(200);

        var full = await Assert.ThrowsAsync<StoreFullException>(() => LogFiller.Append(store, token, last, count: 4000, valueLength: 1000));
        Assert.Contains("no space", full.Message);
        Assert.Equal(last, (await store.ReadFence(default)).LastRevision);

        await store.LimitPages(int.MaxValue);
        await LogFiller.Append(store, token, last, count: 4000, valueLength: 1000);
    }

    [Fact]
    public async Task A_damaged_page_breaks_the_store_for_everybody()
    {
        await using (var first = Create())
        {
            await first.Open(default);
            await LogFiller.Fill(first, 5000);
        }
        using (var file = File.OpenWrite(Path))
        {
            // Everything behind the schema's pages.
            file.Position = 6 * 8192;
            var damage = new byte[file.Length - file.Position];
            Array.Fill(damage, (byte)0xee);
            file.Write(damage);
        }

        await using var store = Create();
        await store.Open(default);
        await Assert.ThrowsAsync<StoreBrokenException>(() => store.ReadRecords(default, long.MaxValue, int.MaxValue, long.MaxValue, default));
        await Assert.ThrowsAsync<StoreBrokenException>(() => store.Renew(new FenceToken(1, Guid.NewGuid()), default));
        await Assert.ThrowsAsync<StoreBrokenException>(() => store.ReadSide(default));
    }

    [Fact]
    public async Task Work_queued_before_a_close_is_finished_and_later_work_is_refused()
    {
        var store = Create();
        await store.Open(default);
        (var token, var last) = await LogFiller.Fill(store, 3000);
        var delete = store.Delete(Enumerable.Range(2, 2000).Select(revision => new RecordId(revision, 0)).ToArray(), default);
        Task append = LogFiller.AppendOne(store, token, last);
        await append;
        await delete;
        await store.DisposeAsync();
        await store.DisposeAsync();
        await Assert.ThrowsAnyAsync<Exception>(() => LogFiller.AppendOne(store, token, last + 1));

        await using var again = Create();
        await again.Open(default);
        Assert.Equal(last + 1, (await again.ReadFence(default)).LastRevision);
    }
}
