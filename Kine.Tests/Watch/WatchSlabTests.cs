using System.Buffers;
using System.Runtime.CompilerServices;
using Google.Protobuf;
using Kine.Etcd;
using Kine.Grains.Index;
using Kine.Grains.Values;
using Kine.Grains.Watch;
using Xunit;

namespace Kine.Tests.Watch;

/// <summary>Events whose pairs lie in slabs: what keeps an event for long must not keep its slab.</summary>
public sealed class WatchSlabTests
{
    private readonly WatchHub _hub = new(new FakeHistory(), new WatchHubOptions { RingBytes = 100_000 }, TimeProvider.System);
    private long _revision = 1;

    public WatchSlabTests() => _hub.Load(2, 1, 0, []);

    [Fact]
    public async Task A_reply_that_nobody_takes_leaves_its_slab_once_the_ring_has_outrun_it()
    {
        using var stream = await Open("held");
        var slab = Publish("held");
        Assert.True(stream.TryRead(out var reply));
        Assert.True(IsAlive(slab));

        PassRing();

        await Dies(slab);
        Assert.Equal("held", Key(reply));
        GC.KeepAlive(_hub);
    }

    [Fact]
    public async Task The_last_event_of_a_quiet_watch_leaves_its_slab()
    {
        using var stream = await Open("quiet");
        var slab = Publish("quiet");
        Assert.True(stream.TryRead(out var reply));
        Assert.Equal("quiet", Key(reply));
        Assert.False(stream.TryRead(out _));
        PassRing();

        await Dies(slab);
        Publish("quiet");
        Assert.True(stream.TryRead(out reply));
        Assert.Equal("quiet", Key(reply));
        GC.KeepAlive(_hub);
    }

    [Fact]
    public async Task A_piece_of_the_past_that_nobody_takes_leaves_its_slab()
    {
        var slab = Publish("past");
        using var stream = _hub.OpenStream();
        await Watch(stream, "past", 2);
        Assert.False(stream.TryRead(out _)); // asks for the piece
        Assert.True(await stream.WaitToRead().AsTask().WaitAsync(Wait.Limit));
        PassRing();

        await Dies(slab);
        Assert.True(stream.TryRead(out var reply));
        Assert.Equal("past", Key(reply));
        GC.KeepAlive(_hub);
    }

    [Fact]
    public void A_run_that_fills_its_slabs_keeps_them()
    {
        var writer = new SlabWriter();
        var dense = Enumerable.Range(1, 300).Select(i => Event(writer, "k", i)).ToArray();
        var run = new EventRun(dense, null);
        run.LeaveSlabs();
        Assert.Equal(dense, run.Events);

        KeyEvent[] sparse = [dense[0], dense[^1]];
        run = new EventRun(sparse, null);
        run.LeaveSlabs();
        Assert.DoesNotContain(run.Events, e => PairSlab.Of(e.KeyValue) is not null || PairSlab.Of(e.Key) is not null);
        Assert.Equal(sparse.Select(e => e.KeyValue.ToArray()), run.Events.Select(e => e.KeyValue.ToArray()));
        Assert.Equal(sparse.Select(e => (e.Version, e.Previous)), run.Events.Select(e => (e.Version, e.Previous)));
    }

    private static KeyEvent Event(SlabWriter writer, string key, long revision)
    {
        var version = new KeyVersion(revision, 0, revision, 1, 0, 500);
        var pair = writer.Encode(ByteString.CopyFromUtf8(key).Span, version, new byte[500]);
        return new KeyEvent(KeyValueWire.Key(pair), version, pair, default);
    }

    private static string Key(WatchReply reply)
    {
        var buffer = new ArrayBufferWriter<byte>();
        while (!reply.Write(buffer, 1024))
        {
        }

        return Assert.Single(WatchResponse.Parser.ParseFrom(buffer.WrittenSpan).Events).Kv.Key.ToStringUtf8();
    }

    private static async Task Watch(WatchStream stream, string key, long start)
    {
        await stream.Receive(new WatchRequest { CreateRequest = new WatchCreateRequest { Key = ByteString.CopyFromUtf8(key), StartRevision = start } });
        Assert.True(stream.TryRead(out _)); // created
    }

    private static bool IsAlive(WeakReference slab)
    {
        GC.Collect();
        return slab.IsAlive;
    }

    private static async Task Dies(WeakReference slab)
    {
        for (var deadline = Environment.TickCount64 + 10_000; IsAlive(slab); await Task.Delay(10))
            Assert.True(Environment.TickCount64 < deadline, "the slab is still held");
    }

    private async Task<WatchStream> Open(string key)
    {
        var stream = _hub.OpenStream();
        await Watch(stream, key, 0);
        return stream;
    }

    /// <summary>Publishes one event from a slab of its own, which is given.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private WeakReference Publish(string key, SlabWriter? writer = null)
    {
        var change = Event(writer ?? new SlabWriter(), key, ++_revision);
        _hub.Publish(new EventBatch(_revision - 1, _revision, 0, [change]));
        return new WeakReference(PairSlab.Of(change.KeyValue));
    }

    private void PassRing()
    {
        var writer = new SlabWriter();
        for (var i = 0; i < 300; i++)
            Publish("busy", writer);
    }
}
