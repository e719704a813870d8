using Kine.Grains;
using Kine.Grains.Watch;
using Xunit;

namespace Kine.Tests.Watch;

/// <summary>A hub on a fake log, as the writer's process has it: every batch is published in order, once.</summary>
internal sealed class WatchFixture : IAsyncDisposable
{
    private readonly List<TestStream> _streams = [];

    public WatchFixture(WatchHubOptions? options = null, TimeProvider? time = null)
    {
        Hub = new WatchHub(History, options ?? new WatchHubOptions(), time ?? TimeProvider.System)
        {
            Identity = new ReplyIdentity(11, 12, 13),
        };
        Hub.Load(2, 1, 0, []);
    }

    public FakeHistory History { get; } = new();

    public WatchHub Hub { get; }

    /// <summary>A ring so small that the past is always read from the log.</summary>
    public static WatchHubOptions NoRing => new() { RingBytes = 1, RingEvents = 1 };

    public TestStream Open(Func<Task>? gate = null)
    {
        var stream = new TestStream(Hub, gate);
        _streams.Add(stream);
        return stream;
    }

    public void Put(string key, string value) => Hub.Publish(History.Put(key, value));

    public void Delete(string key) => Hub.Publish(History.Delete(key));

    public void Write(params (string Key, string? Value)[] changes) => Hub.Publish(History.Write(changes));

    public void Compact(long revision) => Hub.Publish(History.Compact(revision));

    public async ValueTask DisposeAsync()
    {
        foreach (var stream in _streams)
            await stream.DisposeAsync();

        Assert.Equal(0, Hub.WatcherCount);
        Assert.Equal(0, Hub.UnsyncedCount);
        Assert.Equal(0, Hub.StreamCount);
        Hub.Stop(EtcdErrors.ServerStopped);
    }
}
