using System.Globalization;

namespace Kine.Tests.Servers;

/// <summary>A file system of its own size in memory (tmpfs; needs root), mounted until it is disposed of.</summary>
public sealed class SmallDisk : IAsyncDisposable
{
    private readonly TempFolder _folder = new();

    private SmallDisk()
    {
    }

    /// <summary>Where it is mounted.</summary>
    public string Folder => _folder.FullName;

    public string this[string name] => _folder[name];

    public static async Task<SmallDisk> Mount(int megabytes)
    {
        var disk = new SmallDisk();
        var mounted = await Command.Run("mount", ["-t", "tmpfs", "-o", string.Create(CultureInfo.InvariantCulture, $"size={megabytes}m"), "tmpfs", disk.Folder]);
        Assert.True(mounted.ExitCode == 0, mounted.Errors);
        return disk;
    }

    /// <summary>Takes all space that is left, as another program would; deleting the file gives it back.</summary>
    public string Fill()
    {
        var path = this["filler"];
        using var file = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.None, bufferSize: 0);
        for (var piece = 1 << 20; piece >= 4096; piece /= 2)
        {
            try
            {
                while (true)
                    file.Write(new byte[piece]);
            }
            catch (IOException)
            {
                // Full, or nearly: with smaller pieces to the end.
            }
        }

        return path;
    }

    public async ValueTask DisposeAsync()
    {
        await Command.Run("umount", ["--lazy", Folder]);
        _folder.Dispose();
    }
}
