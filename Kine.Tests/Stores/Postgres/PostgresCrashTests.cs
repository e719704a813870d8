using Kine.Backends;
using Kine.Backends.Stores;
using Kine.Tests.Servers;

namespace Kine.Tests.Stores.Postgres;

/// <summary>A PostgreSQL that waits for its disk, killed and stopped in the middle of appends.</summary>
public class PostgresCrashTests : IAsyncLifetime
{
    private readonly PostgresServer _server = new();
    private IRevisionStore _store = null!;

    public async Task InitializeAsync()
    {
        _server.Set("fsync=on");
        _server.Set("full_page_writes=on");
        await _server.Start();
        _store = StoreEndpoint.Parse(_server.NewEndpoint()).Create();
        await _store.Open(default);
    }

    public async Task DisposeAsync()
    {
        await _store.DisposeAsync();
        await _server.DisposeAsync();
    }

    [Fact]
    public void Settings_that_keep_what_they_acknowledge_are_not_warned_of() => Assert.Empty(_store.Warnings);

    [Fact]
    public async Task Killed_or_stopped_under_appends_it_keeps_every_acknowledged_one_and_the_store_goes_on_by_itself()
    {
        long last = 1;
        for (var round = 0; round < 4; round++)
        {
            var mine = await Claim();
            // One that was not acknowledged may be there, never more.
            Assert.InRange(mine.LastRevision, last, last + 1);
            last = mine.LastRevision;
            var acknowledged = last;
            var appending = Task.Run(async () =>
            {
                while (true)
                    acknowledged = await LogFiller.AppendOne(_store, new FenceToken(mine.Epoch, mine.Holder), acknowledged);
            });
            while (Volatile.Read(ref acknowledged) < last + 10)
                await Task.Delay(1);

            await (round % 2 == 0 ? _server.Kill() : _server.Stop());
            var error = await Assert.ThrowsAnyAsync<Exception>(() => appending);
            Assert.True(error is OutcomeUnknownException or StoreUnavailableException, error.ToString());
            last = acknowledged;
            await _server.Start();
        }
        last = (await Claim()).LastRevision;
        var log = await _store.ReadRecords(default, long.MaxValue, int.MaxValue, long.MaxValue, default);
        Assert.Equal(Enumerable.Range(2, (int)last - 1), log.Select(record => (int)record.Revision));
    }

    private async Task<Fence> Claim()
    {
        var seen = await _store.ReadFence(default);
        return (await _store.TakeOver(seen, Guid.NewGuid(), "", TimeSpan.FromSeconds(1), default))!;
    }
}
