namespace Kine.Backends.Sqlite;

/// <summary>
/// Room kept on the file system for what has to go on when it is full: tombstones, compaction, a take-over. It is held by a file beside the database that has no
/// content, only space. Whoever holds the database's lock holds this too.
/// <code>
/// whole   -> Release, where SQLite found no space                   -> last, IsFull
/// last    -> TryRestore, once there is room for a whole one         -> whole
/// last    -> ReleaseLast, where not even a start or take-over could -> nothing
/// </code>
/// </summary>
internal sealed class SpaceReserve
{
    private const long MostBytes = 16 << 20; // four times what is written between two checkpoints, which the database file may have to grow by
    private const long LastBytes = 1 << 20; // for the next start
    private const int ShareOfDisk = 4; // of a small one
    private readonly string _path;
    private readonly DriveInfo? _disk; // null where the file system does not tell
    private readonly long _whole;
    private volatile bool _isFull = true;

    /// <param name="path">Of the database; absolute.</param>
    public SpaceReserve(string path)
    {
        _path = path + ".reserve";
        _disk = Disk();
        _whole = _disk is null ? MostBytes : Math.Clamp(_disk.TotalSize / ShareOfDisk, LastBytes, MostBytes);
    }

    /// <summary>True until the reserve is whole.</summary>
    public bool IsFull => _isFull;

    private long Free => _disk?.AvailableFreeSpace ?? long.MaxValue / 2;

    /// <summary>Gives the reserve up but for a last part; false when that was done before.</summary>
    public bool Release()
    {
        if (_isFull)
            return false;

        _isFull = true;
        Remove();
        TryKeep(LastBytes);
        return true;
    }

    /// <summary>Gives up what was kept for a start; false when there was nothing.</summary>
    public bool ReleaseLast()
    {
        var kept = Kept() > 0;
        _isFull = true;
        Remove();
        return kept;
    }

    /// <summary>Fills the reserve; false where there is no room for it and for a little more to work with.</summary>
    public bool TryRestore()
    {
        if (Free + Kept() >= _whole + (_whole / 4) && TryKeep(_whole))
        {
            _isFull = false;
            return true;
        }

        KeepLast();
        return false;
    }

    /// <summary>Keeps a last part for the next start, half of what is free at most, unless there is one.</summary>
    public void KeepLast()
    {
        if (Kept() == 0)
            TryKeep(Math.Min(LastBytes, Free / 2));
    }

    /// <summary>True when so many bytes are free beside the reserve, or it is given up.</summary>
    public bool HasFree(long bytes) => _isFull || Free >= bytes;

    private bool TryKeep(long bytes)
    {
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, PreallocationSize = bytes };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;

        try
        {
            using var file = new FileStream(_path, options);
            file.SetLength(bytes);
            return true;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            Remove();
            return false;
        }
    }

    private long Kept() => new FileInfo(_path) is { Exists: true } file ? file.Length : 0;

    private void Remove()
    {
        try
        {
            File.Delete(_path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // A folder that takes no changes: SQLite finds that out, too.
        }
    }

    private DriveInfo? Disk()
    {
        try
        {
            return new DriveInfo(Path.GetDirectoryName(_path)!) is { TotalSize: > 0 } disk ? disk : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null;
        }
    }
}
