using System.Diagnostics;
using Kine.Backends;
using Kine.Backends.Memory;
using Kine.Grains;
using Kine.Grains.Cluster;
using Kine.Grains.Fencing;
using Kine.Tests.Fencing;
using Kine.Tests.Silos;
using Microsoft.Extensions.DependencyInjection;
using Xunit.Abstractions;
using Silo = Kine.Tests.Silos.Silo;

namespace Kine.Tests.Chaos;

/// <summary>What the checker is worth: it finds each of these bugs, planted into servers in this process, and nothing in the same run without the bug.</summary>
public sealed class PlantedBugTests(ITestOutputHelper output)
{
    private const int Writes = 100;
    private static readonly TimeSpan LeaseTime = TimeSpan.FromSeconds(1);
    private readonly MemoryRevisionStore _log = new();

    [Fact]
    public async Task A_writer_that_was_deposed_and_is_back_does_no_harm() => AssertNothing(await DeposedWriter(1));

    [Fact]
    public async Task Without_the_fence_two_writers_are_found() =>
        AssertFound(await DeposedWriter(2, store => new FencelessStore(store)), Fault.LostWrite, Fault.DoubledWrite, Fault.StaleAnswer);

    [Fact]
    public async Task Without_a_proof_the_answers_of_a_deposed_writer_are_found() =>
        AssertFound(await DeposedWriter(3, clock: new StoppedClock()), Fault.StaleAnswer, Fault.NoRegister);

    [Fact]
    public async Task A_writer_that_is_killed_does_no_harm() => AssertNothing(await KilledWriter(4));

    [Fact]
    public async Task Writes_that_are_answered_before_they_are_durable_are_found() =>
        AssertFound(await KilledWriter(5, store => new EarlyStore(store)), Fault.LostWrite);

    [Fact]
    public async Task A_process_that_hears_nothing_of_the_others_does_no_harm() => AssertNothing(await CutFollower(6));

    [Fact]
    public async Task Reads_from_a_replica_that_does_not_ask_the_writer_are_found() =>
        AssertFound(await CutFollower(7, careless: true), Fault.StaleAnswer, Fault.NoRegister);

    private static WriterOptions Options(string address) =>
        new() { LeaseTime = LeaseTime, RequestTimeout = TimeSpan.FromSeconds(1), ClientUrl = $"http://{address}" };

    // The writer loses its connection to the store; another one takes over; the first one is back.
    private Task<List<Violation>> DeposedWriter(int seed, Func<SharedStore, IRevisionStore>? plant = null, ProofClock? clock = null) => TwoOnOneStore(
        seed,
        plant,
        clock,
        async (load, connection, _) =>
        {
            var epoch = await Epoch();
            connection.Cut = true;
            await AnotherWrites(load, epoch);
            connection.Cut = false;
            await Steps(load, Writes * 3);
        });

    private Task<List<Violation>> KilledWriter(int seed, Func<SharedStore, IRevisionStore>? plant = null) => TwoOnOneStore(
        seed,
        plant,
        null,
        async (load, connection, first) =>
        {
            var epoch = await Epoch();
            connection.Cut = true;
            await Steps(load, Writes);
            await first.DisposeAsync();
            await AnotherWrites(load, epoch);
        });

    private async Task<List<Violation>> TwoOnOneStore(
        int seed, Func<SharedStore, IRevisionStore>? plant, ProofClock? clock, Func<ChaosLoad, SharedStore, HostedServer, Task> harm)
    {
        var connection = new SharedStore(_log);
        await using var first = await Serve(connection, plant, clock);
        await using var second = await Serve(new SharedStore(_log), plant, null);
        return await Run(seed, [first.Address, second.Address], async load =>
        {
            await harm(load, connection, first);
            await first.DisposeAsync();
        }, second.Address);
    }

    private async Task<List<Violation>> CutFollower(int seed, bool careless = false)
    {
        var network = new SiloNetwork();
        var (one, other) = (HostedServer.NewAddress(), HostedServer.NewAddress());
        var writing = Silo.Prepare(new SharedStore(_log), Options(one));
        var following = Silo.Prepare(new SharedStore(_log), Options(other), writing, network);
        await using var writer = await HostedServer.Start(one, writing.AddTo);
        await using var follower = await HostedServer.Start(other, services =>
        {
            following.AddTo(services);
            if (careless)
                services.AddSingleton(provider => CarelessApi.Of(ActivatorUtilities.CreateInstance<EtcdApi>(provider)));
        });
        return await Run(seed, [one, other], async load =>
        {
            network.Cut();
            await Steps(load, Writes * 2);
            await follower.DisposeAsync();
        }, one);
    }

    private static Task<HostedServer> Serve(SharedStore connection, Func<SharedStore, IRevisionStore>? plant, ProofClock? clock)
    {
        var address = HostedServer.NewAddress();
        return HostedServer.Start(address, services =>
        {
            if (clock is not null)
                services.AddSingleton(clock);

            Silo.Prepare(plant?.Invoke(connection) ?? connection, Options(address)).AddTo(services);
        });
    }

    private async Task<List<Violation>> Run(int seed, string[] addresses, Func<ChaosLoad, Task> harm, string survivor)
    {
        seed = Draw.Seed(seed);
        var load = await ChaosLoad.Start(new Endpoints(addresses), seed, leases: false);
        await Steps(load, Writes);
        await harm(load);
        var found = await load.Finish([survivor]);
        output.WriteLine($"seed {seed}: {load.Recording.Count} steps, {found.Count} faults: "
            + string.Join(", ", found.CountBy(violation => violation.Fault).Select(fault => $"{fault.Value} {fault.Key}")));
        return found;
    }

    private async Task<long> Epoch() => (await _log.ReadFence(default)).Epoch;

    private async Task AnotherWrites(ChaosLoad load, long epoch)
    {
        await Until(async () => await Epoch() > epoch);
        var revision = (await _log.ReadFence(default)).LastRevision;
        await Until(async () => (await _log.ReadFence(default)).LastRevision > revision + (Writes / 4));
    }

    private static Task Steps(ChaosLoad load, int more)
    {
        var before = load.Recording.Count;
        return Until(() => Task.FromResult(load.Recording.Count > before + more));
    }

    private static async Task Until(Func<Task<bool>> condition)
    {
        var clock = Stopwatch.StartNew();
        while (!await condition())
        {
            Assert.True(clock.Elapsed < Wait.Limit, "it never came to that");
            await Task.Delay(10);
        }
    }

    private static void AssertNothing(List<Violation> found) => Assert.True(found.Count == 0, string.Join('\n', found.Take(5)));

    private static void AssertFound(List<Violation> found, params Fault[] any) => Assert.Contains(found, violation => any.Contains(violation.Fault));
}
