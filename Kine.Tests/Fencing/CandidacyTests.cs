using System.Collections.Concurrent;
using Kine.Backends;
using Kine.Backends.Memory;
using Kine.Grains;
using Kine.Grains.Fencing;
using Kine.Tests.Grpc;
using Microsoft.Extensions.Logging;

namespace Kine.Tests.Fencing;

/// <summary>What an operator reads from a process that cannot write now.</summary>
public sealed class CandidacyTests
{
    private readonly Lines _lines = new();

    [Fact]
    public async Task Each_state_of_a_standby_is_said_once_however_often_it_looks()
    {
        await using var memory = new MemoryRevisionStore();
        var store = new SharedStore(memory);
        await memory.TakeOver(await memory.ReadFence(default), Guid.NewGuid(), "http://other:2379", TimeSpan.FromHours(1), default);
        var candidacy = new Candidacy(store, new WriterOptions { LeaseTime = TimeSpan.FromTicks(1) }, TimeProvider.System, _lines);
        for (var look = 0; look < 3; look++)
            Assert.Null(await candidacy.Claimable(default));

        candidacy.LogUnreachable("the database is away");
        Assert.Null(await candidacy.Claimable(default));
        candidacy.LogUnreachable("the database is full");

        const string standingBy = "The process at http://other:2379 writes to the store, epoch 1";
        Assert.Equal(
            [
                standingBy,
                "The store cannot be loaded: the database is away",
                standingBy,
                "The store cannot be loaded: the database is full",
            ],
            _lines.Said);
    }

    [Fact]
    public async Task The_time_that_is_left_of_a_holder_counts_from_the_first_look_and_hurries_nobody_while_the_store_is_away()
    {
        await using var memory = new MemoryRevisionStore();
        var store = new SharedStore(memory);
        await memory.TakeOver(await memory.ReadFence(default), Guid.NewGuid(), "http://other:2379", TimeSpan.FromSeconds(3), default);
        var time = new ManualTime();
        var candidacy = new Candidacy(store, new WriterOptions { LeaseTime = TimeSpan.FromSeconds(1) }, time, _lines);
        Assert.Equal(TimeSpan.MaxValue, candidacy.TimeLeft);
        Assert.Null(await candidacy.Claimable(default));
        time.Advance(TimeSpan.FromSeconds(2.9));
        Assert.Null(await candidacy.Claimable(default));
        Assert.Equal(TimeSpan.FromSeconds(0.1), candidacy.TimeLeft);

        time.Advance(TimeSpan.FromSeconds(0.1));
        store.Cut = true;
        await Assert.ThrowsAsync<StoreUnavailableException>(() => candidacy.Claimable(default));
        Assert.Equal(TimeSpan.MaxValue, candidacy.TimeLeft);
        store.Cut = false;
        Assert.NotNull(await candidacy.Claimable(default));
    }

    private sealed class Lines : ILogger<Candidacy>
    {
        public ConcurrentQueue<string> Said { get; } = new();

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Said.Enqueue(formatter(state, exception));
    }
}
