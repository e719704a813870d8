using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Kine.Backends.Sqlite;

/// <summary>
/// Keeps every other process out of a database for as long as this one lives, by a lock on a file beside it. The kernel drops the lock with
/// the process, however that ends. The file itself stays: removing it would let two processes lock two files of the same name.
/// </summary>
internal static partial class SideLock
{
    private const int Exclusive = 2;
    private const int NonBlocking = 4;
    private const int WouldBlockLinux = 11;
    private const int WouldBlockMac = 35;
    private const int SharingViolationWindows = unchecked((int)0x80070020);

    /// <summary>Takes the lock, which goes when it is disposed of, or says who has it (<see cref="StoreRefusedException"/>).</summary>
    /// <param name="path">The lock file; created with mode 0600.</param>
    /// <param name="databasePath">What the lock stands for, for the message.</param>
    public static IDisposable Take(string path, string databasePath)
    {
        SafeFileHandle? handle = null;
        try
        {
            handle = TryOpen(path);
            if (handle is null || !TryLock(handle))
                throw new StoreRefusedException($"{databasePath} is in use by another kine process{Owner(path)}: it holds the lock on {path}");

            var pid = Encoding.ASCII.GetBytes(Environment.ProcessId.ToString(CultureInfo.InvariantCulture) + "\n");
            RandomAccess.SetLength(handle, 0);
            RandomAccess.Write(handle, pid, 0);
            return handle;
        }
        catch
        {
            handle?.Dispose();
            throw;
        }
    }

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
        Span<byte> text = stackalloc byte[20];
        var pid = Encoding.ASCII.GetString(text[..RandomAccess.Read(handle, text, 0)]).Trim();
        return pid.Length > 0 && pid.All(char.IsAsciiDigit) ? $" (pid {pid})" : "";
    }

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    private static partial int Flock(SafeFileHandle handle, int operation);

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenReadOnly(string path, int flags);
}
