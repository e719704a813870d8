using System.Diagnostics;
using Google.Protobuf;
using Kine.Etcd;
using Kine.Host.Client;
using Kine.Tests.Servers;
using Kine.Tests.Wire;
using Xunit;

namespace Kine.Tests.Faults;

/// <summary>A store without space: what makes room is taken, what is there can be read, and it goes on by itself, with little said in the log.</summary>
public sealed class FullDiskTests
{
    private const int ValueBytes = 256 << 10;
    private static readonly byte[] Value = [.. Enumerable.Range(0, ValueBytes).Select(static i => (byte)(i * 31))];

    [Fact]
    public async Task A_full_disk_under_SQLite_leaves_room_for_deletes_and_compaction_which_make_more()
    {
        await using var disk = await SmallDisk.Mount(megabytes: 96);
        await using var server = KineServer.On($"sqlite://{disk["state.db"]}");
        await server.Start();
        using var channel = new EtcdChannel(server.Address);
        await channel.Put(Put("more"));

        for (var round = 0; round < 3; round++)
        {
            var keys = await PutUntilFull(server, channel, static i => Put($"k/{i}"));
            Assert.InRange(keys, round == 0 ? 40 : 0, 400); // later, room is still being made
            Assert.Equal(ValueBytes, (await channel.Get("more"))!.Value.Length);
            var deleted = await channel.Delete(new DeleteRangeRequest { Key = ByteString.CopyFromUtf8("k/"), RangeEnd = ByteString.CopyFromUtf8("k0") });
            Assert.Equal(keys, deleted.Deleted);
            await channel.Compact(deleted.Header.Revision);
            await PutsGoOn(channel);
        }

        SaidLittle(server);
    }

    [Fact]
    public async Task A_disk_that_others_fill_stops_puts_alone_also_after_a_restart_and_a_kill()
    {
        await using var disk = await SmallDisk.Mount(megabytes: 64);
        await using var server = KineServer.On($"sqlite://{disk["state.db"]}");
        await server.Start();
        var filler = await FillUnder(disk, server);
        Assert.True(await server.Process.Terminate(Wait.Limit));

        await server.Start();
        using (var channel = new EtcdChannel(server.Address))
        {
            await IsFull(channel);
            Assert.Equal(ValueBytes, (await channel.Get("some"))!.Value.Length);
            await channel.Delete(new DeleteRangeRequest { Key = ByteString.CopyFromUtf8("some") });
        }

        await server.Kill();
        disk.Fill();
        await server.Start();
        using (var channel = new EtcdChannel(server.Address))
        {
            await IsFull(channel);
            Assert.Null(await channel.Get("some"));
            File.Delete(filler);
            await PutsGoOn(channel);
        }

        SaidLittle(server);
    }

    [Fact]
    public async Task A_full_disk_under_PostgreSQL_refuses_puts_and_serves_reads_until_there_is_room()
    {
        await using var disk = await SmallDisk.Mount(megabytes: 48);
        ServerAccount.Own(disk.Folder);
        await using var database = new PostgresServer();
        await database.Start();
        await database.Query("postgres", $"CREATE TABLESPACE small LOCATION '{disk.Folder}'");
        await database.Query("postgres", "CREATE DATABASE small_disk");
        await database.Query("postgres", "ALTER DATABASE small_disk SET default_tablespace = small");
        await using var server = KineServer.On(database.Endpoint("small_disk"));
        await server.Start();
        using var channel = new EtcdChannel(server.Address);
        await channel.Put(Put("some"));
        var filler = disk.Fill();

        await PutUntilFull(server, channel, static i => Put($"k/{i}"));
        await IsFull(channel);
        Assert.Equal(ValueBytes, (await channel.Get("some"))!.Value.Length);
        File.Delete(filler);
        await PutsGoOn(channel);
        SaidLittle(server);
    }

    [Fact]
    public async Task A_table_of_MariaDB_that_cannot_grow_is_emptied_by_a_compaction()
    {
        await using var database = new MariaDbServer();
        await database.Start();
        await using var server = KineServer.On(database.NewEndpoint());
        await server.Start();
        await database.LimitFiles(64 << 20);
        using var channel = new EtcdChannel(server.Address);

        await PutUntilFull(server, channel, static _ => Put("one", 20_000));
        await IsFull(channel);
        var read = await channel.Range(new RangeRequest { Key = ByteString.CopyFromUtf8("one") });
        Assert.Equal(20_000, read.Kvs[0].Value.Length);
        await channel.Compact(read.Header.Revision);
        await PutsGoOn(channel);
        SaidLittle(server);
    }

    [Fact]
    public async Task A_full_NATS_server_leaves_room_for_deletes_and_compaction_which_make_more()
    {
        await using var database = SmallNats();
        await database.Start();
        await using var server = KineServer.On(database.NewEndpoint());
        await server.Start();
        using var channel = new EtcdChannel(server.Address);

        foreach (var firstDeleted in (string[])["k/", "k/5", "k/"])
        {
            await PutUntilFull(server, channel, static i => Put($"k/{i}"));
            await IsFull(channel);
            Assert.Equal(ValueBytes, (await channel.Get("k/0"))!.Value.Length);
            await DeleteAndCompact(channel, firstDeleted);
            await PutsGoOn(channel);
        }

        SaidLittle(server);
    }

    [Fact]
    public async Task A_full_NATS_server_takes_deletes_also_after_a_restart_and_a_kill()
    {
        await using var database = SmallNats();
        await database.Start();
        await using var server = KineServer.On(database.NewEndpoint());
        await server.Start();
        using (var channel = new EtcdChannel(server.Address))
            await PutUntilFull(server, channel, static i => Put($"k/{i}"));

        Assert.True(await server.Process.Terminate(Wait.Limit));
        await server.Start();
        using (var channel = new EtcdChannel(server.Address))
        {
            await IsFull(channel);
            Assert.Equal(ValueBytes, (await channel.Get("k/0"))!.Value.Length);
            await channel.Delete(new DeleteRangeRequest { Key = ByteString.CopyFromUtf8("k/1") });
        }

        SaidLittle(server);
        await server.Kill();
        await server.Start();
        using (var channel = new EtcdChannel(server.Address))
        {
            await IsFull(channel);
            Assert.Equal(ValueBytes, (await channel.Get("k/0"))!.Value.Length);
            Assert.Null(await channel.Get("k/1"));
            await DeleteAndCompact(channel, "k/5");
            await PutsGoOn(channel);
            Assert.Equal(ValueBytes, (await channel.Get("k/0"))!.Value.Length);
        }

        SaidLittle(server);
    }

    private static NatsServer SmallNats() => new(jetStream: "jetstream { store_dir: \"{folder}/data\", max_file_store: 48MB }");

    private static async Task DeleteAndCompact(EtcdChannel channel, string first)
    {
        var deleted = await channel.Delete(new DeleteRangeRequest { Key = ByteString.CopyFromUtf8(first), RangeEnd = ByteString.CopyFromUtf8("k0") });
        Assert.InRange(deleted.Deleted, 20, 400);
        await channel.Compact(deleted.Header.Revision);
    }

    private static async Task<string> FillUnder(SmallDisk disk, KineServer server)
    {
        using var channel = new EtcdChannel(server.Address);
        await channel.Put(Put("some"));
        var filler = disk.Fill();
        await PutUntilFull(server, channel, static _ => Put("one"));
        disk.Fill();
        await IsFull(channel);
        return filler;
    }

    private static async Task<int> PutUntilFull(KineServer server, EtcdChannel channel, Func<int, PutRequest> put)
    {
        for (var i = 0; i < 10_000; i++)
        {
            try
            {
                await channel.Put(put(i));
            }
            catch (RpcException error)
            {
                Assert.True(error.Status.Detail == "etcdserver: mvcc: database space exceeded", $"{error.Message}\n{server.Process.Output}");
                Assert.Equal(StatusCode.ResourceExhausted, error.StatusCode);
                return i;
            }
        }

        throw new Xunit.Sdk.XunitException("never full");
    }

    private static async Task IsFull(EtcdChannel channel)
    {
        var error = await Assert.ThrowsAsync<RpcException>(() => channel.Put(Put("more")));
        Assert.Equal(StatusCode.ResourceExhausted, error.StatusCode);
    }

    private static async Task PutsGoOn(EtcdChannel channel)
    {
        var start = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                await channel.Put(Put("more"));
                return;
            }
            catch (RpcException error) when (error.StatusCode == StatusCode.ResourceExhausted && Stopwatch.GetElapsedTime(start) < Wait.Limit)
            {
                await Task.Delay(100);
            }
        }
    }

    private static void SaidLittle(KineServer server)
    {
        Assert.Contains("There is no space left for", server.Process.Output, StringComparison.Ordinal);
        Assert.InRange(server.Process.Output.Split('\n').Length, 2, 40);
    }

    private static PutRequest Put(string key, int length = ValueBytes) => new() { Key = ByteString.CopyFromUtf8(key), Value = ByteString.CopyFrom(Value, 0, length) };
}
