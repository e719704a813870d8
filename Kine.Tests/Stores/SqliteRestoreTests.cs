using Kine.Host.Client;
using Kine.Tests.Servers;
using Kine.Tests.Wire;

namespace Kine.Tests.Stores;

/// <summary>A file from a backup that is put where a server was killed, beside what that one left.</summary>
public sealed class SqliteRestoreTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_older_file_beside_a_newer_log_is_refused_until_one_of_them_goes(bool keepsOlder)
    {
        await using var server = KineServer.Prepare();
        var (file, log, backup) = (server.DatabasePath, server.DatabasePath + "-wal", server.DatabasePath + ".backup");
        await server.Start();
        await Put(server, "1");
        Assert.True(await server.Process.Terminate(Wait.Limit));
        File.Copy(file, backup);

        await server.Start();
        await Put(server, "2");
        while (File.ReadAllBytes(backup).AsSpan().SequenceEqual(File.ReadAllBytes(file)))
            await Task.Delay(20);

        await server.Kill();
        var newer = await File.ReadAllBytesAsync(file);
        var frames = await File.ReadAllBytesAsync(log);
        File.Copy(backup, file, overwrite: true);

        var refused = await Command.Run(TestTools.Kine, server.Arguments);
        Assert.Equal(1, refused.ExitCode);
        Assert.Equal(
            $"kine: {file} is older than the write-ahead log beside it, {log}. To go on from this older file, remove {log} and {file}-shm; "
            + "to keep the newer data, put the newer file back\n",
            refused.Errors);
        Assert.Equal(frames, await File.ReadAllBytesAsync(log));

        if (keepsOlder)
        {
            File.Delete(log);
            File.Delete(file + "-shm");
        }
        else
        {
            await File.WriteAllBytesAsync(file, newer);
        }

        await server.Start();
        await server.Kill();
        await server.Start(); // a crash after a restore is a crash like any other
        using var channel = new EtcdChannel(server.Address);
        Assert.Equal(keepsOlder ? "1" : "2", (await channel.Get("key"))!.Value.ToStringUtf8());
    }

    private static async Task Put(KineServer server, string value)
    {
        using var channel = new EtcdChannel(server.Address);
        await channel.Put("key", value);
    }
}
