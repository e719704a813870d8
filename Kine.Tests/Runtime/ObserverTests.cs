using System.Collections.Concurrent;
using Kine.Grains.Hosting;

namespace Kine.Tests.Runtime;

public sealed class ObserverTests
{
    [Fact]
    public async Task An_observer_hears_calls_one_at_a_time_in_order_until_its_reference_is_deleted()
    {
        await using var cluster = await ProbeCluster.Start(new GrainHostingOptions { ResponseTimeout = TimeSpan.FromSeconds(2) });
        var observer = new Listener(cluster.Log);
        var reference = cluster.Grains.CreateObjectReference<IProbeObserver>(observer);
        var grain = cluster.Grains.GetGrain<IReentrantProbeGrain>("a");
        await grain.Subscribe(reference);

        await Task.WhenAll(Enumerable.Range(0, 20).Select(i => grain.Tell($"{i}")));
        Assert.Equal(20, observer.Heard.Count);
        Assert.Equal(1, observer.AtOnce);
        await grain.Whisper("softly");
        await cluster.Log.Until("softly");

        cluster.Grains.DeleteObjectReference<IProbeObserver>(reference);
        await Assert.ThrowsAnyAsync<Exception>(() => grain.Tell("too late"));
        Assert.DoesNotContain("too late", observer.Heard);
        GC.KeepAlive(observer);
    }

    internal sealed class Listener(ProbeLog log) : IProbeObserver
    {
        private int _inside;

        public ConcurrentQueue<string> Heard { get; } = new();

        public int AtOnce { get; private set; }

        public void Overhear(string word)
        {
            log.Add(word);
            throw new InvalidOperationException("nobody hears this");
        }

        public async Task Hear(string word)
        {
            AtOnce = Math.Max(AtOnce, Interlocked.Increment(ref _inside));
            await Task.Yield();
            Heard.Enqueue(word);
            Interlocked.Decrement(ref _inside);
        }
    }
}
