using System.Runtime.InteropServices;

namespace Kine.Host.Hosting;

/// <summary>
/// A process that got no memory has lost something somewhere: it ends at once, as after a power failure, instead of serving half of its clients. Its supervisor
/// starts it again.
/// </summary>
internal static partial class OutOfMemory
{
    private const int StandardError = 2;
    private const int Failed = 1;

    // Made beforehand: there is no memory for it later.
    private static readonly byte[] Line = "kine: out of memory; the process ends, and may be started again\n"u8.ToArray();

    /// <summary>From now on.</summary>
    public static void EndsTheProcess()
    {
        if (!OperatingSystem.IsLinux())
            return;

        Marshal.PrelinkAll(typeof(OutOfMemory));
        AppDomain.CurrentDomain.FirstChanceException += static (_, thrown) =>
        {
            if (thrown.Exception is OutOfMemoryException and not InsufficientMemoryException)
                End();
        };
    }

    private static void End()
    {
        _ = Write(StandardError, Line, Line.Length);
        Exit(Failed);
    }

    [LibraryImport("libc", EntryPoint = "write")]
    private static partial nint Write(int file, byte[] bytes, nint length);

    [LibraryImport("libc", EntryPoint = "_exit")]
    private static partial void Exit(int code);
}
