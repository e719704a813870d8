using System.Buffers;
using System.Collections.Concurrent;
using Google.Protobuf;
using Kine.Etcd;
using Kine.Grains.Watch;
using Xunit;

namespace Kine.Tests.Watch;

/// <summary>A client's end of a watch stream: sends requests, reads and decodes replies as fast as <see cref="Gate"/> lets it.</summary>
internal sealed class TestStream : IAsyncDisposable
{
    private readonly WatchStream _stream;
    private readonly Task _reading;
    private readonly BlockingCollection<WatchResponse> _replies = [];
    private readonly SemaphoreSlim _arrived = new(0);

    public TestStream(WatchHub hub, Func<Task>? gate = null)
    {
        _stream = hub.OpenStream();
        Gate = gate;
        _reading = Task.Run(Read);
    }

    /// <summary>Awaited before each reply is read; null for a client that reads at once.</summary>
    public Func<Task>? Gate { get; set; }

    /// <summary>Ends when the stream ends, with its error.</summary>
    public Task Reading => _reading;

    /// <summary>Replies that came and were not asked for yet.</summary>
    public int Waiting => _replies.Count;

    public Task Send(WatchRequest request) => _stream.Receive(request).AsTask();

    public Task Cancel(long id) => Send(new WatchRequest { CancelRequest = new WatchCancelRequest { WatchId = id } });

    public Task AskProgress() => Send(new WatchRequest { ProgressRequest = new WatchProgressRequest() });

    public Task Create(string key, string end = "", long start = 0, Action<WatchCreateRequest>? more = null)
    {
        var create = new WatchCreateRequest
        {
            Key = ByteString.CopyFromUtf8(key),
            RangeEnd = ByteString.CopyFromUtf8(end),
            StartRevision = start,
        };
        more?.Invoke(create);
        return Send(new WatchRequest { CreateRequest = create });
    }

    /// <summary>Creates a watch and takes its created reply.</summary>
    public async Task<WatchResponse> Watch(string key, string end = "", long start = 0, Action<WatchCreateRequest>? more = null)
    {
        await Create(key, end, start, more);
        var reply = await Next();
        Assert.True(reply.Created);
        return reply;
    }

    /// <summary>The next reply.</summary>
    public async Task<WatchResponse> Next()
    {
        if (!await _arrived.WaitAsync(Wait.Limit))
            throw new TimeoutException(_reading.IsFaulted ? _reading.Exception!.ToString() : "no reply came");

        return _replies.Take();
    }

    /// <summary>The next events, however they are grouped, as "revision key=value" or "revision -key".</summary>
    public async Task<List<string>> Events(int count)
    {
        var events = new List<string>();
        while (events.Count < count)
            events.AddRange((await Next()).Events.Select(Text));

        return events;
    }

    /// <summary>True when nothing comes for a while.</summary>
    public async Task<bool> IsQuiet()
    {
        await Task.Delay(60);
        return _replies.Count == 0;
    }

    public static string Text(Event e) =>
        e.Type == Event.Types.EventType.Delete ? $"{e.Kv.ModRevision} -{e.Kv.Key.ToStringUtf8()}" : $"{e.Kv.ModRevision} {e.Kv.Key.ToStringUtf8()}={e.Kv.Value.ToStringUtf8()}";

    public async ValueTask DisposeAsync()
    {
        _stream.Dispose();
        await _reading.ContinueWith(_ => { }, TaskScheduler.Default);
    }

    private async Task Read()
    {
        var buffer = new ArrayBufferWriter<byte>();
        while (await _stream.WaitToRead())
        {
            while (true)
            {
                if (Gate is { } gate)
                    await gate();

                if (!_stream.TryRead(out var reply))
                    break;

                buffer.ResetWrittenCount();
                while (!reply.Write(buffer, 1024))
                    await Task.Yield();

                Assert.Equal(reply.Length, buffer.WrittenCount);
                _replies.Add(WatchResponse.Parser.ParseFrom(buffer.WrittenSpan));
                _arrived.Release();
            }
        }
    }
}
