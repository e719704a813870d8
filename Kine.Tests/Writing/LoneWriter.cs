using Google.Protobuf;
using Kine.Backends;
using Kine.Etcd;
using Kine.Grains;
using Kine.Grains.Fencing;
using Kine.Grains.Following;
using Kine.Grains.Reads;
using Kine.Grains.Watch;
using Kine.Grains.Writing;
using Kine.Tests.Grpc;
using Microsoft.Extensions.Logging.Abstractions;

namespace Kine.Tests.Writing;

/// <summary>A writer on a store, without a silo, on the thread pool.</summary>
internal sealed class LoneWriter : IAsyncDisposable
{
    private LoneWriter(IRevisionStore store, WriterOptions options, ProofClock clock)
    {
        Local = new ProcessState(store, options, clock, TimeProvider.System, NullLogger<Replica>.Instance);
        Hub = new WatchHub(new EmptyHistory(), new WatchHubOptions(), TimeProvider.System);
        var candidacy = new Candidacy(store, options, TimeProvider.System, NullLogger<Candidacy>.Instance);
        Writer = new Writer(Local, candidacy, Hub, Clocks, options, TimeProvider.System, NullLogger.Instance);
    }

    public ProcessState Local { get; }

    public WatchHub Hub { get; }

    public Writer Writer { get; }

    public RecordedClocks Clocks { get; } = new();

    public WriterLife Life => Writer.Loop.Life;

    public static async Task<LoneWriter> Start(
        IRevisionStore store, WriterOptions? options = null, ProofClock? clock = null, Func<ProcessState, Task>? before = null)
    {
        var writer = new LoneWriter(store, options ?? new WriterOptions(), clock ?? new ProofClock());
        if (before is not null)
            await before(writer.Local);

        await writer.Writer.Start(static (fence, _) => Task.FromResult(fence), CancellationToken.None);
        return writer;
    }

    public Task<PutResponse> Put(string key, string value, CancellationToken cancellationToken = default) =>
        Writer.Put(new PutRequest { Key = ByteString.CopyFromUtf8(key), Value = ByteString.CopyFromUtf8(value) }, cancellationToken);

    /// <summary>Puts if the key has that value, which is fetched from the store when no cache holds it.</summary>
    public Task<TxnReply> Replace(string key, string old, string value) => Writer.Txn(
        new TxnRequest
        {
            Compare =
            {
                new Compare { Key = ByteString.CopyFromUtf8(key), Target = Compare.Types.CompareTarget.Value, Value = ByteString.CopyFromUtf8(old) },
            },
            Success = { new RequestOp { RequestPut = new PutRequest { Key = ByteString.CopyFromUtf8(key), Value = ByteString.CopyFromUtf8(value) } } },
        },
        CancellationToken.None);

    public async Task Reaches(WriterLife life)
    {
        for (var deadline = Environment.TickCount64 + 30_000; Life != life; await Task.Delay(5))
            Assert.True(Environment.TickCount64 < deadline, $"still {Life}, never {life}");
    }

    public async ValueTask DisposeAsync()
    {
        await Writer.Stop();
        Hub.Dispose();
    }
}
