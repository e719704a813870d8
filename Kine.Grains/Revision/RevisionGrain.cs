using Kine.Backends;
using Kine.Etcd;
using Kine.Grains.Fencing;
using Kine.Grains.Index;
using Kine.Grains.Keyspace;
using Kine.Grains.Watch;
using Microsoft.Extensions.Logging;
using Orleans.Placement;

namespace Kine.Grains.Revision;

/// <summary>
/// The single writer. A request is evaluated in the turn that brings it, on the newest state; one append runs at a time, and what is evaluated meanwhile
/// goes with the next (group commit). Publishing and answering follow in revision order once the append is durable.
/// <code>
/// Put, Txn, ... --evaluate--> WriteState.Batch --append--> IRevisionStore --publish--> KeyspaceView, WatchHub, followers --answer--> callers
/// </code>
/// </summary>
[Reentrant, KeepAlive, PreferLocalPlacement]
public sealed partial class RevisionGrain(
    LocalKeyspace local,
    Candidacy candidacy,
    WatchHub hub,
    IEventHistory history,
    WriterOptions options,
    TimeProvider time,
    ILogger<RevisionGrain> log) : Grain, IRevisionGrain
{
    /// <summary>The one key this grain is used with.</summary>
    public const string Key = "kine";

    private const int MaxBatchRecords = 4096;
    private const long MaxBatchBytes = 8 << 20;
    private const long MaxWaitingBytes = 64 << 20;
    private const int MaxWaiting = 100_000;
    private const long RevisionsAfterLoss = 1_000_000;

    private readonly IRevisionStore _store = local.Store;
    private readonly Queue<WriteOperation> _waiting = [];
    private readonly List<WriteBatch> _unpublished = [];
    private long _waitingBytes;
    private int _parked;
    private bool _appending;
    private bool _persisting; // a batch is at the store, or its outcome is being looked for
    private long _aliveAt;
    private EtcdException? _ended;
    private TaskCompletionSource? _drained;

    /// <inheritdoc/>
    public Task<PublishedState> Ready() => Task.FromResult(View.State);

    /// <inheritdoc/>
    public Task<PutResponse> Put(PutRequest request) => Submit(new PutOperation(request));

    /// <inheritdoc/>
    public Task<DeleteRangeResponse> DeleteRange(DeleteRangeRequest request) => Submit(new DeleteRangeOperation(request));

    /// <inheritdoc/>
    public Task<TxnResponse> Txn(TxnRequest request) => Submit(new TxnOperation(request));

    private KeyspaceView View => local.Writer ?? throw EtcdErrors.NoLeader;
}
