using Google.Protobuf;
using Kine.Etcd;
using Kine.Host.Client;
using Kine.Tests.Servers;
using Kine.Tests.Wire;
using Xunit;

namespace Kine.Tests.Faults;

/// <summary>An answer is given only after the disk has the write: watched at the system calls.</summary>
public sealed class DurabilityTests
{
    private const int Puts = 60;
    private const int SigKill = 9;

    [Fact]
    public async Task Each_answer_follows_a_sync_of_the_log_that_began_after_its_append()
    {
        var verdicts = await Trace("");
        Assert.All(verdicts, verdict => Assert.True(verdict.Synced, $"{verdict.Marker} was answered before it was synced"));
    }

    [Fact]
    public async Task The_same_check_finds_that_nothing_is_synced_when_syncing_is_off()
    {
        var verdicts = await Trace("?_synchronous=OFF");
        Assert.All(verdicts, verdict => Assert.False(verdict.Synced));
    }

    private static async Task<List<(string Marker, bool Synced)>> Trace(string endpointParameters)
    {
        await using var prepared = KineServer.Prepare(endpointParameters);
        var file = Path.Combine(prepared.DataFolder, "strace.txt");
        using var traced = RunningProcess.Start("strace", [.. SyscallTrace.StraceArguments, "-o", file, TestTools.Kine, .. prepared.Arguments]);
        using var channel = new EtcdChannel(prepared.Address);
        await UntilServed(channel, traced);
        var markers = new List<string>();
        for (var i = 0; i < Puts; i++)
        {
            markers.Add($"marker-{i:0000}-{Guid.NewGuid():N}");
            await channel.Put($"/durable/{i}", markers[^1]);
        }
        // strace ends with its child, and its trace is complete then.
        var server = Assert.Single(traced.Children);
        RunningProcess.Signal(server, SigKill);
        Assert.True(await traced.Exited(Wait.Limit), "strace goes on although the server was killed");
        return [.. SyscallTrace.Parse(File.ReadLines(file)).Verdicts(markers)];
    }

    private static async Task UntilServed(EtcdChannel channel, RunningProcess traced)
    {
        var deadline = DateTime.UtcNow + TimeSpan.FromSeconds(60);
        while (true)
        {
            try
            {
                await channel.Range(new RangeRequest { Key = ByteString.CopyFromUtf8("health") });
                return;
            }
            catch (RpcException notYet)
            {
                Assert.True(!traced.HasExited && DateTime.UtcNow < deadline, notYet.Message + traced.Output);
                await Task.Delay(100);
            }
        }
    }
}
