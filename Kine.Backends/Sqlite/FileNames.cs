using System.Runtime.InteropServices;

namespace Kine.Backends.Sqlite;

/// <summary>
/// Refuses a file that is reached by several names. SQLite keeps the write-ahead log beside the name it was given, and our lock lies there too, so that two
/// processes would each write to the one file with a log of their own.
/// </summary>
internal static unsafe partial class FileNames
{
    private const int AtWorkingDirectory = -100;
    private const int NoFollow = 0x100;
    private const uint LinkCount = 0x4;
    private const ulong MountRoot = 0x2000;

    /// <summary>Throws <see cref="StoreRefusedException"/> for a file that has hard links or is a mount point; one that is not there yet has neither.</summary>
    /// <param name="path">Absolute, links resolved.</param>
    public static void Check(string path)
    {
        if (!OperatingSystem.IsLinux() || !File.Exists(path))
            return;

        Facts facts;
        if (Read(AtWorkingDirectory, path, NoFollow, LinkCount, &facts) != 0)
            throw new StoreRefusedException($"cannot look at {path}: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");

        if (facts.Links > 1)
        {
            throw new StoreRefusedException(
                $"{path} has {facts.Links} hard links: a process under another name would not see this one's write-ahead log; leave one name or copy the file");
        }

        if ((facts.Attributes & MountRoot) != 0)
        {
            throw new StoreRefusedException(
                $"{path} is a mount point: its write-ahead log would lie beside it and not with the file; mount the folder that holds it");
        }
    }

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Read(int folder, string path, int flags, uint mask, Facts* facts);

    // struct statx of the kernel, alike on all processors; what is not needed here is left without a name.
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct Facts
    {
        [FieldOffset(8)]
        public ulong Attributes;

        [FieldOffset(16)]
        public uint Links;
    }
}
