using System.Net;
using System.Net.Sockets;
using Kine.Host.Client;
using Kine.Tests.Servers;
using Kine.Tests.Wire;

namespace Kine.Tests.BadInput;

/// <summary>More connections than the process may have descriptors.</summary>
public sealed class DescriptorTests
{
    private const int Descriptors = 1_024;
    private const int Crowd = 3_000;

    [Fact]
    public async Task A_crowd_of_idle_connections_takes_no_descriptor_that_others_need_and_leaves_room_when_it_goes()
    {
        await using var prepared = KineServer.Prepare();
        using var server = RunningProcess.Start("prlimit", [$"--nofile={Descriptors}:{Descriptors}", TestTools.Kine, .. prepared.Arguments]);
        await server.Printed(" serves etcd v3 on ", TimeSpan.FromMinutes(1));
        using var before = new EtcdChannel(prepared.Address);
        await before.Put("before", "1");

        var crowd = new List<Socket>();
        for (var i = 0; i < Crowd; i++)
        {
            var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(IPEndPoint.Parse(prepared.Address));
            crowd.Add(socket);
        }

        for (var i = 0; i < 100; i++)
            await before.Put("before", $"{i}");

        Assert.False(server.HasExited, server.Output);
        Assert.InRange(server.OpenFiles, Descriptors / 2, Descriptors - 50);
        await server.Printed($"that {Descriptors} file descriptors (ulimit -n) allow: new clients wait", TimeSpan.FromMinutes(1));
        // Those that waited come in as the others go.
        crowd.ForEach(static socket => socket.Close(0));
        var most = 0;
        for (var look = 0; look < 1_000; look++)
            most = Math.Max(most, server.OpenFiles);

        Assert.InRange(most, 0, Descriptors - 50);

        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        using var after = new EtcdChannel(prepared.Address);
        while (!await Served(after))
            await Task.Delay(50, limit.Token);

        Assert.False(server.HasExited);
        Assert.DoesNotContain("   at ", server.Output, StringComparison.Ordinal);
        Assert.True(await server.Terminate(TimeSpan.FromMinutes(1)));

        async Task<bool> Served(EtcdChannel channel)
        {
            try
            {
                await channel.Put("after", "1", cancellation: limit.Token);
                return true;
            }
            catch (RpcException)
            {
                return false;
            }
        }
    }
}
