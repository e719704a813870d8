using Kine.Backends;
using Kine.Backends.Nats;
using Kine.Backends.Stores;
using NATS.Client.Core;
using NATS.Client.JetStream;
using NATS.Client.JetStream.Models;

namespace Kine.Tests.Stores.Nats;

/// <summary>A store on a stream of its own that has taken it over, with the raw access that tests need beside it.</summary>
internal sealed class NatsTestStore : IAsyncDisposable
{
    private readonly NatsOptions _options;
    private readonly NatsConnection _connection;

    private NatsTestStore(string endpoint)
    {
        Endpoint = endpoint;
        _options = StoreEndpoint.Parse(endpoint).Nats! with { Timeout = TimeSpan.FromSeconds(5) };
        Store = new NatsRevisionStore(_options);
        _connection = new NatsConnection(new NatsOpts { Url = _options.Servers[0] });
        JetStream = new NatsJSContext(_connection);
    }

    public string Endpoint { get; }

    public NatsOptions Options => _options;

    public IRevisionStore Store { get; private set; }

    /// <summary>A connection beside the store's.</summary>
    public NatsJSContext JetStream { get; }

    public Fence Mine { get; private set; } = null!;

    public FenceToken Token => new(Mine.Epoch, Mine.Holder);

    public static async Task<NatsTestStore> Open(string endpoint, bool takeOver = true)
    {
        var store = new NatsTestStore(endpoint);
        await store.Store.Open(default);
        if (takeOver)
            await store.TakeOver();

        return store;
    }

    public async Task TakeOver()
    {
        // What was sent before may land between the look and the take-over.
        for (var tries = 0; tries < 20; tries++)
        {
            if (await Store.TakeOver(await Store.ReadFence(default), Guid.NewGuid(), "here", TimeSpan.FromSeconds(3), default) is { } taken)
            {
                Mine = taken;
                return;
            }
        }
        Assert.Fail("the log cannot be taken over");
    }

    /// <summary>Closes the store and opens another one on the same stream, which does not take over.</summary>
    public async Task Reopen()
    {
        await Store.DisposeAsync();
        Store = new NatsRevisionStore(_options);
        await Store.Open(default);
    }

    /// <summary>Appends puts of one revision each, with values that tell their revision; returns the last one.</summary>
    public async Task<long> Append(long last, int count, int valueLength, int perBatch = 64)
    {
        while (count > 0)
        {
            var now = Math.Min(count, perBatch);
            await Store.Append(Batch(last, now, valueLength));
            last += now;
            count -= now;
        }
        return last;
    }

    public AppendBatch Batch(long last, int count, int valueLength)
    {
        var batch = new AppendBatch { Token = Token, ExpectedRevision = last, LastRevision = last + count };
        for (var revision = last + 1; revision <= last + count; revision++)
            batch.Records.Add(new LogRecord(revision, 0, Key(revision), revision, 1, 0, false, Value(revision, valueLength)));

        return batch;
    }

    public static byte[] Key(long revision) => System.Text.Encoding.ASCII.GetBytes($"/registry/pods/{revision}");

    public static byte[] Value(long revision, int length)
    {
        var value = new byte[length];
        new Random((int)revision).NextBytes(value);
        return value;
    }

    public async Task<List<LogRecord>> ReadAll()
    {
        var all = new List<LogRecord>();
        while (await Store.ReadRecords(all.Count > 0 ? all[^1].Id : default, long.MaxValue, 700, long.MaxValue, default) is { Count: > 0 } page)
            all.AddRange(page);

        return all;
    }

    public async Task<List<long>> ScanRevisions(int page = 500)
    {
        var all = new List<long>();
        RecordId after = default;
        while (await Store.ScanMetadata(after, long.MaxValue, page, (in RecordMetadata record, ReadOnlySpan<byte> _) => all.Add(record.Revision), default) is { } last)
            after = last;

        return all;
    }

    /// <summary>Asserts that exactly these revisions are there, whole, by every way of reading.</summary>
    public async Task AssertHolds(IReadOnlyList<long> revisions, int valueLength)
    {
        Assert.Equal(revisions, await ScanRevisions());
        var read = await ReadAll();
        Assert.Equal(revisions, read.Select(record => record.Revision));
        var values = await Store.ReadValues(revisions.Select(revision => new RecordId(revision, 0)).ToArray(), default);
        for (var i = 0; i < read.Count; i++)
        {
            Assert.Equal(Key(revisions[i]), read[i].Key.ToArray());
            var expected = Value(revisions[i], valueLength);
            Assert.Equal(expected, read[i].Value.ToArray());
            Assert.Equal(expected, values[i]);
        }
    }

    /// <summary>Cuts a batch as the store does.</summary>
    public async Task<List<AppendPart>> Split(AppendBatch batch)
    {
        await _connection.ConnectAsync();
        return AppendPart.Split(batch, _connection.ServerInfo!.MaxPayload);
    }

    /// <summary>Publishes a message of the log as anybody could.</summary>
    public async Task Publish(LogTail tail, ByteWriter content, ReadOnlyMemory<byte> payload)
    {
        var headers = new NatsHeaders { [LogTail.Header] = tail.ToHeader(), [LogTail.ContentHeader] = content.ToHeader() };
        var answer = await JetStream.PublishAsync(
            _options.Subject, payload, NatsRawSerializer<ReadOnlyMemory<byte>>.Default, new NatsJSPubOpts { ExpectedLastSequence = tail.Sequence - 1 }, headers);
        answer.EnsureSuccess();
    }

    public async Task<StreamState> State() => (await JetStream.GetStreamAsync(_options.Stream)).Info.State;

    public async ValueTask DisposeAsync()
    {
        await _connection.DisposeAsync();
        await Store.DisposeAsync();
    }
}
