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
    private const int ShareOfReserve = 4; // free beside it, before puts go on
    private const int NoSpace = 28;
    private const int OverQuota = 122;
    private const int DiskFullWindows = unchecked((int)0x80070070);
    private const int Unspecific = unchecked((int)0x80131620); // what a file that cannot be given its size beforehand is answered with
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

    // 0 where the file system does not tell, or is full to the last byte: then only trying does.
    private long Free
    {
        get
        {
            try
            {
                return _disk?.AvailableFreeSpace ?? 0;
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                return 0;
            }
        }
    }

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
        var free = Free;
        if ((free == 0 || free + Kept() >= _whole + (_whole / ShareOfReserve)) && TryKeep(_whole))
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
        var bytes = Math.Min(LastBytes, Free / 2);
        if (bytes > 0 && Kept() == 0)
            TryKeep(bytes);
    }

    /// <summary>True when so many bytes are free beside the reserve, or it is given up.</summary>
    public bool HasFree(long bytes)
    {
        var free = Free;
        return _isFull || free == 0 || free >= bytes;
    }

    // False for want of space alone: where a file cannot be kept for another reason, the database does without.
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
            return error is not IOException { HResult: NoSpace or OverQuota or DiskFullWindows or Unspecific };
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
