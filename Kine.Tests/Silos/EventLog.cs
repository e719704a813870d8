using System.Buffers;
using Google.Protobuf;
using Kine.Etcd;
using Kine.Grains;
using Kine.Grains.Watch;
using Kine.Tests.Watch;

namespace Kine.Tests.Silos;

/// <summary>What a client sees that watches a range through one silo, and goes on behind its last revision when its stream ends.</summary>
internal sealed class EventLog
{
    private readonly Lock _lock = new(); // protects _events and _last
    private readonly List<string> _events = [];
    private long _last;

    /// <summary>Events as they came, see <see cref="TestStream.Text"/>.</summary>
    public List<string> All
    {
        get
        {
            lock (_lock)
            {
                return [.. _events];
            }
        }
    }

    /// <summary>Revision of the last event.</summary>
    public long Last
    {
        get
        {
            lock (_lock)
            {
                return _last;
            }
        }
    }

    /// <summary>Watches from <paramref name="start"/> until it is stopped.</summary>
    public async Task Follow(Silo silo, string key, string end, long start, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                using var stream = silo.Api.Watches.OpenStream();
                using var ending = stop.Register(stream.Dispose);
                await stream.Receive(new WatchRequest
                {
                    CreateRequest = new WatchCreateRequest
                    {
                        Key = ByteString.CopyFromUtf8(key),
                        RangeEnd = ByteString.CopyFromUtf8(end),
                        StartRevision = Math.Max(start, Last + 1),
                    },
                });
                while (await stream.WaitToRead())
                {
                    while (stream.TryRead(out var reply))
                        Take(reply);
                }
            }
            catch (EtcdException error) when (error.Code == StatusCode.Unavailable)
            {
                await Task.Delay(50, CancellationToken.None);
            }
        }
    }

    private void Take(WatchReply reply)
    {
        var buffer = new ArrayBufferWriter<byte>();
        while (!reply.Write(buffer, int.MaxValue))
        {
            // In one go: the limit is far above any reply here.
        }

        var response = WatchResponse.Parser.ParseFrom(buffer.WrittenSpan);
        Assert.False(response.Canceled, response.CancelReason);
        lock (_lock)
        {
            foreach (var change in response.Events)
            {
                _events.Add(TestStream.Text(change));
                _last = change.Kv.ModRevision;
            }
        }
    }
}
