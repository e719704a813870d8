using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Google.Protobuf;
using Kine.Etcd;
using Kine.Grains;
using Kine.Grains.Cluster;
using Kine.Grains.Reads;
using Kine.Grains.Watch;

namespace Kine.Tests.Grpc;

/// <summary>A keyspace in a dictionary, for the front end's tests: each method can be replaced by the test that looks at it.</summary>
internal sealed class FakeEtcdApi : IEtcdApi
{
    private readonly ConcurrentDictionary<ByteString, ByteString> _values = new();
    private long _revision = 1;

    public WatchHub Watches { get; } = new(new EmptyHistory(), new WatchHubOptions(), TimeProvider.System);

    public Func<RangeRequest, CancellationToken, ValueTask<RangeReply>>? OnRange { get; set; }

    public string[] ClientUrls { get; set; } = [];

    public Func<RangeRequest, CancellationToken, IAsyncEnumerable<RangeStreamResponse>>? OnRangeStream { get; set; }

    public Func<PutRequest, CancellationToken, Task<PutResponse>>? OnPut { get; set; }

    public Func<LeaseKeepAliveRequest, CancellationToken, Task<LeaseKeepAliveResponse>>? OnKeepAlive { get; set; }

    public Func<AlarmResponse>? OnAlarm { get; set; }

    public Func<StatusResponse>? OnStatus { get; set; }

    public Func<LeaseTimeToLiveResponse>? OnTimeToLive { get; set; }

    public Func<IAsyncEnumerable<SnapshotResponse>>? OnSnapshot { get; set; }

    /// <summary>Requests of <see cref="Txn"/> so far.</summary>
    public ConcurrentQueue<TxnRequest> Transactions { get; } = new();

    public ResponseHeader Header() => new() { ClusterId = 11, MemberId = 22, Revision = Volatile.Read(ref _revision), RaftTerm = 3 };

    public ValueTask<RangeReply> Range(RangeRequest request, CancellationToken cancellationToken)
    {
        if (OnRange is { } replaced)
            return replaced(request, cancellationToken);

        if (request.Key.IsEmpty)
            throw EtcdErrors.EmptyKey;

        return _values.TryGetValue(request.Key, out var value)
            ? new ValueTask<RangeReply>(Reply(Volatile.Read(ref _revision), new KeyValue { Key = request.Key, Value = value }))
            : new ValueTask<RangeReply>(Reply(Volatile.Read(ref _revision)));
    }

    /// <summary>A reply of one piece.</summary>
    public static RangeReply Reply(long revision, params KeyValue[] pairs)
    {
        var encoded = pairs.Select(p => (ReadOnlyMemory<byte>)p.ToByteArray()).ToArray();
        return new RangeReply { Revision = revision, Count = pairs.Length, First = encoded, KvsLength = encoded.Sum(FieldLength) };
    }

    /// <summary>Bytes of a pair as a kvs field.</summary>
    public static long FieldLength(ReadOnlyMemory<byte> pair) => 1 + CodedOutputStream.ComputeLengthSize(pair.Length) + pair.Length;

    public IAsyncEnumerable<RangeStreamResponse> RangeStream(RangeRequest request, CancellationToken cancellationToken) =>
        OnRangeStream is { } replaced ? replaced(request, cancellationToken) : OneChunk(cancellationToken);

    public Task<PutResponse> Put(PutRequest request, CancellationToken cancellationToken)
    {
        if (OnPut is { } replaced)
            return replaced(request, cancellationToken);

        if (request.Key.IsEmpty)
            throw EtcdErrors.EmptyKey;

        _values[request.Key] = request.Value;
        Interlocked.Increment(ref _revision);
        return Task.FromResult(new PutResponse { Header = Header() });
    }

    public Task<DeleteRangeResponse> DeleteRange(DeleteRangeRequest request, CancellationToken cancellationToken) =>
        Task.FromResult(new DeleteRangeResponse { Header = Header() });

    public Task<TxnReply> Txn(TxnRequest request, CancellationToken cancellationToken)
    {
        Transactions.Enqueue(request);
        return Task.FromResult(new TxnReply(new TxnResponse { Header = Header(), Succeeded = true }));
    }

    public Task<CompactionResponse> Compact(CompactionRequest request, CancellationToken cancellationToken) =>
        Task.FromException<CompactionResponse>(EtcdErrors.Compacted);

    public Task<LeaseGrantResponse> LeaseGrant(LeaseGrantRequest request, CancellationToken cancellationToken) =>
        Task.FromResult(new LeaseGrantResponse { Header = Header(), ID = 7, TTL = request.TTL });

    public Task<LeaseRevokeResponse> LeaseRevoke(LeaseRevokeRequest request, CancellationToken cancellationToken) =>
        Task.FromException<LeaseRevokeResponse>(EtcdErrors.LeaseNotFound);

    public Task<LeaseKeepAliveResponse> LeaseKeepAlive(LeaseKeepAliveRequest request, CancellationToken cancellationToken) =>
        OnKeepAlive is { } replaced
            ? replaced(request, cancellationToken)
            : Task.FromResult(new LeaseKeepAliveResponse { Header = Header(), ID = request.ID, TTL = 60 });

    public Task<LeaseTimeToLiveResponse> LeaseTimeToLive(LeaseTimeToLiveRequest request, CancellationToken cancellationToken) =>
        Task.FromResult(OnTimeToLive?.Invoke() ?? new LeaseTimeToLiveResponse { Header = Header(), ID = request.ID, TTL = -1 });

    public Task<LeaseLeasesResponse> LeaseLeases(LeaseLeasesRequest request, CancellationToken cancellationToken) =>
        Task.FromResult(new LeaseLeasesResponse { Header = Header() });

    public Task<AlarmResponse> Alarm(AlarmRequest request, CancellationToken cancellationToken) =>
        Task.FromResult(OnAlarm?.Invoke() ?? new AlarmResponse { Header = Header() });

    public Task<StatusResponse> Status(StatusRequest request, CancellationToken cancellationToken) =>
        Task.FromResult(OnStatus?.Invoke() ?? new StatusResponse { Header = Header(), Version = "3.6.11", Leader = 22, DbSize = 4096, DbSizeInUse = 2048 });

    public Task<DefragmentResponse> Defragment(DefragmentRequest request, CancellationToken cancellationToken) =>
        Task.FromResult(new DefragmentResponse());

    public Task<HashResponse> Hash(HashRequest request, CancellationToken cancellationToken) =>
        Task.FromException<HashResponse>(new InvalidOperationException("a secret of the inside"));

    public Task<HashKVResponse> HashKV(HashKVRequest request, CancellationToken cancellationToken) =>
        Task.FromResult(new HashKVResponse { Header = Header(), Hash = 5 });

    public Task<MoveLeaderResponse> MoveLeader(MoveLeaderRequest request, CancellationToken cancellationToken) =>
        Task.FromResult(new MoveLeaderResponse());

    public IAsyncEnumerable<SnapshotResponse> Snapshot(SnapshotRequest request, CancellationToken cancellationToken) =>
        OnSnapshot?.Invoke() ?? AsyncEnumerable.Empty<SnapshotResponse>();

    public Task<MemberListResponse> MemberList(MemberListRequest request, CancellationToken cancellationToken) =>
        Task.FromResult(new MemberListResponse { Header = Header(), Members = { new Member { ID = 22, Name = "kine", ClientURLs = { ClientUrls } } } });

    public Task<AuthStatusResponse> AuthStatus(AuthStatusRequest request, CancellationToken cancellationToken) =>
        Task.FromResult(new AuthStatusResponse { Header = Header() });

    private async IAsyncEnumerable<RangeStreamResponse> OneChunk([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        await Task.Yield();
        yield return new RangeStreamResponse { RangeResponse = new RangeResponse { Header = Header() } };
    }
}
