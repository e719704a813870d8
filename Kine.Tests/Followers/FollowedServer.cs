using System.Collections.Concurrent;
using Google.Protobuf;
using Kine.Backends.Memory;
using Kine.Etcd;
using Kine.Grains;
using Kine.Grains.Cluster;
using Kine.Grains.Reads;
using Kine.Grains.Watch;
using Kine.Grains.Writing;
using Kine.Tests.Grains;
using Microsoft.Extensions.DependencyInjection;
using Orleans;

namespace Kine.Tests.Followers;

/// <summary>A process with the writer, and what a follower in another one would get from it: answers, and batches as they are published.</summary>
internal sealed class FollowedServer : IEventObserver, IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private GrainHost _host = null!;
    private readonly ConcurrentQueue<EventBatch> _published = new();
    private IEventObserver? _reference;
    private long _heard;

    public MemoryRevisionStore Store { get; } = new();

    public IGrainFactory Grains => _host.Services.GetRequiredService<IGrainFactory>();

    public IEtcdApi Api => _host.Services.GetRequiredService<IEtcdApi>();

    public WatchHub Hub => _host.Services.GetRequiredService<WatchHub>();

    /// <summary>What the writer itself reads from.</summary>
    public KeyspaceView View => _host.Services.GetRequiredService<ProcessState>().Writer!;

    /// <summary>Awaited before the answer to a pull is handed over.</summary>
    public Func<Task>? AfterPull { get; set; }

    /// <summary>Pulls so far.</summary>
    public int Pulls { get; private set; }

    private IRevisionGrain Writer => Grains.GetGrain<IRevisionGrain>(RevisionGrain.Key);

    public static async Task<FollowedServer> Start()
    {
        var server = new FollowedServer();
        server._host = await GrainHost.Start(server.Store, new WriterOptions { CacheBytes = 1 << 16 });
        server._reference = server.Grains.CreateObjectReference<IEventObserver>(server);
        server._heard = (await server.Subscribe()).Revision;
        return server;
    }

    /// <summary>Goes on being told of what is published; gives the state to begin from.</summary>
    public async Task<PublishedState> Subscribe() => (await Writer.Subscribe(_reference!)).State;

    public void Apply(EventBatch batch)
    {
        _published.Enqueue(batch);
        Volatile.Write(ref _heard, batch.LastRevision);
    }

    /// <summary>Puts everything that was published on a channel, once it has come here.</summary>
    public async Task SendTo(LossyChannel channel)
    {
        var published = View.State.Revision;
        var deadline = DateTime.UtcNow + Patience;
        while (Volatile.Read(ref _heard) < published)
        {
            Assert.True(DateTime.UtcNow < deadline, $"revision {published} was not heard of");
            await Task.Delay(1);
        }

        while (_published.TryDequeue(out var batch))
            channel.Send(batch);
    }

    public Task<PublishedState> Current() => Writer.Current();

    public async Task<EventBatch> Pull(long after)
    {
        Pulls++;
        var batch = await Writer.Pull(after);
        if (AfterPull is { } held)
            await held();

        return batch;
    }

    public Task<PutResponse> Put(string key, string value) =>
        Api.Put(new PutRequest { Key = ByteString.CopyFromUtf8(key), Value = ByteString.CopyFromUtf8(value) }, CancellationToken.None);

    public Task<DeleteRangeResponse> Delete(string key, string end = "") => Api.DeleteRange(
        new DeleteRangeRequest { Key = ByteString.CopyFromUtf8(key), RangeEnd = ByteString.CopyFromUtf8(end) }, CancellationToken.None);

    public Task<CompactionResponse> Compact(long revision, bool physical = true) =>
        Api.Compact(new CompactionRequest { Revision = revision, Physical = physical }, CancellationToken.None);

    /// <summary>One of many small changes, alone or several at once.</summary>
    public async Task Change(Random random, string text)
    {
        switch (random.Next(10))
        {
            case 0:
                await Delete(Key(random));
                break;
            case 1:
                var from = random.Next(60);
                await Delete($"/registry/pods/p{from:d2}", $"/registry/pods/p{from + 3:d2}");
                break;
            case 2:
                await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Put(Key(random), $"{text}.{i}")));
                break;
            case 3:
                var txn = new TxnRequest();
                txn.Success.Add(Enumerable.Range(0, 5).Select(i => new RequestOp
                {
                    RequestPut = new PutRequest { Key = ByteString.CopyFromUtf8($"/registry/pods/p{i * 11:d2}"), Value = ByteString.CopyFromUtf8($"{text}.{i}") },
                }));
                await Api.Txn(txn, CancellationToken.None);
                break;
            default:
                await Put(Key(random), text);
                break;
        }
    }

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    private static string Key(Random random) => random.Next(4) == 0 ? $"/registry/nodes/n{random.Next(9)}" : $"/registry/pods/p{random.Next(60):d2}";
}
