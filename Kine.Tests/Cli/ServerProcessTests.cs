using Google.Protobuf;
using Kine.Etcd;
using Kine.Host.Client;
using Kine.Tests.Servers;
using Kine.Tests.Wire;
using Xunit;

namespace Kine.Tests.Cli;

/// <summary>The server as a process: signals at any time, and what becomes of it without memory.</summary>
public sealed class ServerProcessTests
{
    private const int SigTerm = 15;

    [Theory]
    [InlineData(0)]
    [InlineData(100)]
    [InlineData(300)]
    [InlineData(600)]
    public async Task A_start_that_is_told_to_stop_ends_with_zero(int milliseconds)
    {
        var server = KineServer.Prepare("", "--debug");
        await using (server)
        {
            using var process = RunningProcess.Start(TestTools.Kine, server.Arguments);
            await process.Printed(" starts");
            await Task.Delay(milliseconds);
            process.Signal(SigTerm);
            Assert.True(await process.Exited(Wait.Limit));
            Assert.Equal(0, process.ExitCode);
        }
    }

    [Fact]
    public async Task A_start_that_is_told_to_stop_says_nothing_of_Orleans()
    {
        for (var milliseconds = 200; milliseconds < 1_400; milliseconds += 150)
        {
            await using var server = KineServer.Prepare();
            using var process = RunningProcess.Start(TestTools.Kine, server.Arguments);
            await Task.Delay(milliseconds);
            process.Signal(SigTerm);
            Assert.True(await process.Exited(Wait.Limit));
            Assert.False(process.Output.Contains("   at ", StringComparison.Ordinal), process.Output);
        }
    }

    [Fact]
    public async Task A_process_that_gets_no_memory_ends_at_once_with_a_line()
    {
        await using var server = KineServer.On("memory://");
        server.Variables["DOTNET_GCHeapHardLimit"] = "0x6000000"; // 96 MiB
        await server.Start();
        using var channel = new EtcdChannel(server.Address);
        await Assert.ThrowsAnyAsync<Exception>(async () =>
        {
            for (var i = 0; i < 500; i++)
                await channel.Put(new PutRequest { Key = ByteString.CopyFromUtf8($"{i}"), Value = ByteString.CopyFrom(new byte[1 << 20]) });
        });
        Assert.True(await server.Process.Exited(Wait.Limit));
        Assert.Equal(1, server.Process.ExitCode);
        Assert.EndsWith("kine: out of memory; the process ends, and may be started again\n", server.Process.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Streams_beyond_what_the_memory_allows_are_refused_and_other_calls_are_not()
    {
        await using var server = KineServer.Prepare();
        server.Variables["DOTNET_GCHeapHardLimit"] = "0x6000000"; // 96 MiB, of which half is for 1,536 streams
        await server.Start();
        using var channel = new EtcdChannel(server.Address);
        var watches = new List<WatchCall>();
        for (var i = 0; i < 1_536; i++)
            watches.Add(await channel.Watch(new WatchCreateRequest { Key = ByteString.CopyFromUtf8("k") }));

        var error = await Assert.ThrowsAsync<RpcException>(() => channel.Watch(new WatchCreateRequest { Key = ByteString.CopyFromUtf8("k") }));
        Assert.Equal((StatusCode.ResourceExhausted, "etcdserver: too many requests"), (error.StatusCode, error.Status.Detail));
        await channel.Put("k", "served");
        using var limit = new CancellationTokenSource(Wait.Limit);
        foreach (var watch in watches)
            Assert.Single((await watch.Read(limit.Token))!.Events);

        watches.ForEach(static watch => watch.Dispose());
        while (true)
        {
            try
            {
                using var again = await channel.Watch(new WatchCreateRequest { Key = ByteString.CopyFromUtf8("k") }, limit.Token);
                return;
            }
            catch (RpcException)
            {
                await Task.Delay(50, limit.Token);
            }
        }
    }
}
