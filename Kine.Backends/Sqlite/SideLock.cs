using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Kine.Backends.Sqlite;

/// <summary>
/// Keeps every other process out of a database for as long as this one lives, by a lock on a file beside it. The kernel drops the lock with
/// the process, however that ends. The file itself stays: removing it would let two processes lock two files of the same name. It holds the process's id and
/// what was last noted, a line each.
/// </summary>
internal sealed partial class SideLock : IDisposable
{
    private const int Exclusive = 2;
    private const int NonBlocking = 4;
    private const int WouldBlockLinux = 11;
    private const int WouldBlockMac = 35;
    private const int SharingViolationWindows = unchecked((int)0x80070020);
    private const int MostBytes = 64;
    private readonly SafeFileHandle _handle;

    private SideLock(SafeFileHandle handle)
    {
        _handle = handle;
        Span<byte> text = stackalloc byte[MostBytes];
        var lines = Encoding.ASCII.GetString(text[..RandomAccess.Read(handle, text, 0)]).Split('\n');
        Noted = lines.Length > 1 && long.TryParse(lines[1], CultureInfo.InvariantCulture, out var noted) ? noted : 0;
        Note(Noted);
    }

    /// <summary>The number that was noted last, by this process or one before it; 0 when none was.</summary>
    public long Noted { get; private set; }

    /// <summary>Notes a number for who takes the lock next. It survives the process, not a loss of power.</summary>
    public void Note(long number)
    {
        // Over what is there, and cut afterwards: this has to succeed on a full disk.
        var text = Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{Environment.ProcessId}\n{number}\n"));
        RandomAccess.Write(_handle, text, 0);
        RandomAccess.SetLength(_handle, text.Length);
        Noted = number;
    }

    /// <summary>Takes the lock, which goes when it is disposed of, or says who has it (<see cref="StoreRefusedException"/>).</summary>
    /// <param name="path">The lock file; created with mode 0600.</param>
    /// <param name="databasePath">What the lock stands for, for the message.</param>
    public static SideLock Take(string path, string databasePath)
    {
        SafeFileHandle? handle = null;
        try
        {
            handle = TryOpen(path);
            if (handle is null || !TryLock(handle))
                throw new StoreRefusedException($"{databasePath} is in use by another kine process{Owner(path)}: it holds the lock on {path}");

            return new SideLock(handle);
        }
        catch
        {
            handle?.Dispose();
            throw;
        }
    }

    /// <summary>Gives the lock up.</summary>
    public void Dispose() => _handle.Dispose();

    // Share mode None is a lock already: the only one on Windows, flock elsewhere. Null when somebody else has it.
    private static SafeFileHandle? TryOpen(string path)
    {
        var options = new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite, Share = FileShare.None, BufferSize = 0 };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;

        try
        {
            return new FileStream(path, options).SafeFileHandle;
        }
        catch (IOException error) when (error.HResult is WouldBlockLinux or WouldBlockMac or SharingViolationWindows)
        {
            return null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new StoreRefusedException($"cannot open the lock file {path}: {error.Message}", error);
        }
    }

    // .NET skips its lock silently where an environment variable says so or the file system has none; this call does not.
    private static bool TryLock(SafeFileHandle handle)
    {
        if (OperatingSystem.IsWindows() || Flock(handle, Exclusive | NonBlocking) == 0)
            return true;

        var errno = Marshal.GetLastPInvokeError();
        if (errno is WouldBlockLinux or WouldBlockMac)
            return false;

        throw new StoreRefusedException($"the file system refuses locks, which the database needs: {Marshal.GetPInvokeErrorMessage(errno)}");
    }

    // Opened past .NET, which would want a shared lock for reading.
    private static string Owner(string path)
    {
        if (OperatingSystem.IsWindows())
            return "";

        var descriptor = OpenReadOnly(path, 0);
        if (descriptor < 0)
            return "";

        using var handle = new SafeFileHandle(descriptor, ownsHandle: true);
        Span<byte> text = stackalloc byte[MostBytes];
        var pid = Encoding.ASCII.GetString(text[..RandomAccess.Read(handle, text, 0)]).Split('\n')[0].Trim();
        return pid.Length > 0 && pid.All(char.IsAsciiDigit) ? $" (pid {pid})" : "";
    }

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    private static partial int Flock(SafeFileHandle handle, int operation);

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenReadOnly(string path, int flags);
}
