using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Kine.Backends.Sqlite;

/// <summary>
/// SQLite's own operating system layer with one function replaced. The library as packaged was built without <c>usleep</c>, so that the
/// microseconds a reader waits when it meets a commit in the WAL's index become whole seconds.
/// </summary>
internal static unsafe partial class SleepingVfs
{
    private const int ShortMicroseconds = 200;

    /// <summary>Makes it the layer of every connection opened from now on in this process, except on Windows, where the original sleeps well.</summary>
    public static void Register()
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        var original = Find(0);
        // Never freed: SQLite keeps it for the life of the process. The functions find all their state in what is copied.
        var copy = (Vfs*)NativeMemory.Alloc((nuint)sizeof(Vfs));
        *copy = *original;
        copy->Next = null;
        copy->Name = Marshal.StringToCoTaskMemUTF8("kine");
        copy->Sleep = &Sleep;
        var code = Register(copy, makeDefault: 1);
        if (code != SQLitePCL.raw.SQLITE_OK)
        {
            throw new InvalidOperationException($"SQLite refused its replacement layer (code {code})");
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Sleep(Vfs* vfs, int microseconds)
    {
        if (microseconds < ShortMicroseconds)
        {
            Thread.Yield();
        }
        else
        {
            Thread.Sleep((microseconds + 999) / 1000);
        }

        return microseconds;
    }

    [LibraryImport("e_sqlite3", EntryPoint = "sqlite3_vfs_find")]
    private static partial Vfs* Find(nint name);

    [LibraryImport("e_sqlite3", EntryPoint = "sqlite3_vfs_register")]
    private static partial int Register(Vfs* vfs, int makeDefault);

    // struct sqlite3_vfs, version 3, as SQLite's public header fixes it.
    [StructLayout(LayoutKind.Sequential)]
    private struct Vfs
    {
        public int Version;
        public int FileSize;
        public int MaxPathname;
        public Vfs* Next;
        public nint Name;
        public nint AppData;
        public nint Open;
        public nint Delete;
        public nint Access;
        public nint FullPathname;
        public nint DlOpen;
        public nint DlError;
        public nint DlSym;
        public nint DlClose;
        public nint Randomness;
        public delegate* unmanaged[Cdecl]<Vfs*, int, int> Sleep;
        public nint CurrentTime;
        public nint GetLastError;
        public nint CurrentTimeInt64;
        public nint SetSystemCall;
        public nint GetSystemCall;
        public nint NextSystemCall;
    }
}
