using System.Diagnostics;
using Kine.Host.Client;
using Kine.Tests.Servers;
using Kine.Tests.Wire;
using Xunit.Abstractions;

namespace Kine.Tests.Faults;

/// <summary>SIGTERM while the database gives no answer: a server that nobody can help any more must not make its supervisor wait, or reach for SIGKILL.</summary>
public abstract class ShutdownContract(DatabaseServer database, ITestOutputHelper output)
{
    private const int SigTerm = 15;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(15); // 5 s are promised; the machine may be busy

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_writer_whose_database_hangs_or_is_away_ends_with_zero_and_answers_the_write_that_was_under_way(bool hangs)
    {
        await using var proxy = new FaultProxy(database.Port);
        await using var server = await KineServer.StartOn(database.NewEndpoint(proxy.Port));
        using var channel = new EtcdChannel(server.Address);
        await channel.Put("/k", "before");
        Fail(proxy, hangs);
        var writing = Assert.ThrowsAnyAsync<Exception>(() => channel.Put("/k", "under way"));
        await Task.Delay(TimeSpan.FromMilliseconds(500)); // it is at the store now
        Assert.False(hangs && writing.IsCompleted);

        await EndsInTime(server.Process, hangs ? "writer, hangs" : "writer, away");

        await writing.WaitAsync(Limit);
        proxy.CutAll();
        await ServesAgain(proxy, server);
    }

    [Fact]
    public async Task A_process_that_does_not_write_and_whose_database_hangs_ends_with_zero()
    {
        var endpoint = database.NewEndpoint();
        await using var writer = await KineServer.StartOn(endpoint);
        await using var proxy = new FaultProxy(database.Port);
        await using var follower = KineServer.On(endpoint.Replace($":{database.Port}", $":{proxy.Port}", StringComparison.Ordinal));
        await follower.Start();
        Fail(proxy, hangs: true);
        await Task.Delay(TimeSpan.FromSeconds(1.5)); // its next look at the store is under way now

        await EndsInTime(follower.Process, "follower, hangs");
    }

    [Fact]
    public async Task A_server_that_is_told_to_stop_before_its_database_let_it_start_ends_with_zero()
    {
        await using var proxy = new FaultProxy(database.Port);
        proxy.Hanging = true;
        await using var server = KineServer.On(database.NewEndpoint(proxy.Port));
        using var process = RunningProcess.Start(TestTools.Kine, server.Arguments);
        await proxy.Reached.WaitAsync(TimeSpan.FromMinutes(1));

        await EndsInTime(process, "starting, hangs");
    }

    private static void Fail(FaultProxy proxy, bool hangs)
    {
        proxy.Hanging = hangs;
        proxy.Refusing = !hangs;
        if (!hangs)
            proxy.CutAll();
    }

    private async Task EndsInTime(RunningProcess process, string what)
    {
        var clock = Stopwatch.StartNew();
        process.Signal(SigTerm);
        Assert.True(await process.Exited(Limit), $"{what}: still there after {Limit}:\n{process.Output}");
        output.WriteLine($"{database.Name}, {what}: ended with {process.ExitCode} after {clock.Elapsed.TotalSeconds:0.00} s");
        Assert.True(process.ExitCode == 0, process.Output);
    }

    private static async Task ServesAgain(FaultProxy proxy, EtcdApiServer server)
    {
        proxy.Hanging = proxy.Refusing = false;
        await server.Start();
        using var channel = new EtcdChannel(server.Address);
        Assert.Contains((await channel.Get("/k"))!.Value.ToStringUtf8(), (string[])["before", "under way"]);
    }
}
