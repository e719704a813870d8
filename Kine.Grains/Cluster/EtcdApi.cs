using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using Google.Protobuf;
using Kine.Etcd;
using Kine.Grains.Reads;
using Kine.Grains.Requests;
using Kine.Grains.Watch;
using Kine.Grains.Writing;

namespace Kine.Grains.Cluster;

/// <summary>The front end's way to the grains. Requests that are wrong whatever the state end here, on the caller's thread.</summary>
public sealed class EtcdApi(
    ProcessState local, WriterOptions options, WatchHub watches, IGrainFactory grains, TimeProvider time, IClusterMembers? members = null) : IEtcdApi
{
    private const int FirstChunkKeys = 10;
    private const long RequestLimit = 3 << 19; // 1.5 MiB, etcd's limit of a request

    private readonly IRevisionGrain _writer = grains.GetGrain<IRevisionGrain>(RevisionGrain.Key);
    private readonly ReplicaReads _replica = new(local, options, grains, time);

    public WatchHub Watches => watches;

    public ResponseHeader Header()
    {
        var state = local.Writer?.State ?? local.Remote;
        return local.Identity.Header(state.Revision, state.Term);
    }

    public ValueTask<RangeReply> Range(RangeRequest request, CancellationToken cancellationToken)
    {
        RangeRules.Check(request);
        if (local.Writer is not { } view)
            return _replica.Range(request, cancellationToken);

        // The revision is taken first, then the proof: what was current while nobody else could write was current.
        var reply = Read(view, request, cancellationToken);
        return request.Serializable || (!options.ProveAtStore && local.IsCurrent(view)) ? reply : Proven(view, reply, cancellationToken);
    }

    private static ValueTask<RangeReply> Read(KeyspaceView view, RangeRequest request, CancellationToken cancellationToken)
    {
        try
        {
            return RangeReader.Range(view, request, cancellationToken);
        }
        catch (EtcdException error)
        {
            return ValueTask.FromException<RangeReply>(error);
        }
    }

    // That there is no such revision yet is an answer too: a later writer may have it.
    private async ValueTask<RangeReply> Proven(KeyspaceView view, ValueTask<RangeReply> reading, CancellationToken cancellationToken)
    {
        RangeReply? reply = null;
        EtcdException? refused = null;
        try
        {
            reply = await reading;
        }
        catch (EtcdException error) when (error.Code == StatusCode.OutOfRange)
        {
            refused = error;
        }

        try
        {
            if (options.ProveAtStore)
                await RemoteCall.Answer(_writer.Prove(view.Id), cancellationToken);
            else
                await local.Proof.Wait(options.RequestTimeout, time, cancellationToken);

            // A later writer's proof says nothing about what this one showed.
            if (!ReferenceEquals(local.Writer, view))
                throw EtcdErrors.LeaderChanged;
        }
        catch
        {
            reply?.Dispose();
            throw;
        }

        return reply ?? throw refused!;
    }

    public async IAsyncEnumerable<RangeStreamResponse> RangeStream(RangeRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        RangeRules.Check(request);
        if (request.SortOrder != RangeRequest.Types.SortOrder.None && !RangeRules.IsKeyOrder(request))
            throw EtcdErrors.Unimplemented("RangeStream does not support custom sort orders");

        if (RangeRules.HasFilters(request))
            throw EtcdErrors.Unimplemented("RangeStream does not support revision filters");

        var next = request.Clone();
        next.SortTarget = RangeRequest.Types.SortTarget.Key; // without an order another target means nothing here, as in etcd 3.7
        var left = request.Limit > 0 ? request.Limit : long.MaxValue;
        var chunkKeys = request.CountOnly ? left : FirstChunkKeys;
        long revision = 0;
        long count = 0;
        while (true)
        {
            next.Limit = Math.Min(chunkKeys, left);
            using var reply = await Range(next, cancellationToken);
            if (revision == 0)
            {
                revision = reply.Revision;
                count = reply.Count;
                next.Revision = request.Revision > 0 ? request.Revision : revision;
            }

            var chunk = new RangeResponse();
            await foreach (var piece in reply.Pieces())
                chunk.Kvs.Add(piece.Select(static pair => KeyValue.Parser.ParseFrom(pair.Span)));

            left -= chunk.Kvs.Count;
            var last = !reply.More || left <= 0;
            if (last)
            {
                chunk.Header = local.Identity.Header(revision, Header().RaftTerm);
                chunk.Count = count;
                chunk.More = reply.More;
            }

            yield return new RangeStreamResponse { RangeResponse = chunk };
            if (last)
                yield break;

            next.Key = After(chunk.Kvs[^1].Key);
            chunkKeys = reply.KvsLength < RequestLimit / 2 ? chunkKeys * 2 : reply.KvsLength > RequestLimit * 2 ? Math.Max(1, chunkKeys / 2) : chunkKeys;
        }
    }

    public Task<PutResponse> Put(PutRequest request, CancellationToken cancellationToken)
    {
        RequestRules.Check(request);
        return local.Writer?.Changes is { } changes
            ? changes.Put(request, cancellationToken)
            : Until(_writer.Put(request), cancellationToken);
    }

    public Task<DeleteRangeResponse> DeleteRange(DeleteRangeRequest request, CancellationToken cancellationToken)
    {
        RequestRules.Check(request);
        return local.Writer?.Changes is { } changes
            ? changes.DeleteRange(request, cancellationToken)
            : Until(_writer.DeleteRange(request), cancellationToken);
    }

    public async Task<TxnReply> Txn(TxnRequest request, CancellationToken cancellationToken)
    {
        RequestRules.Check(request);
        if (local.Writer is not { Changes: { } changes } view)
            return new TxnReply(await Until(_writer.Txn(request), cancellationToken));

        var reply = await changes.Txn(request, cancellationToken);
        if (reply.Late.Count == 0)
            return reply;

        try
        {
            await reply.Measure(view, cancellationToken);
            return reply;
        }
        catch
        {
            reply.Dispose();
            throw;
        }
    }

    public async Task<CompactionResponse> Compact(CompactionRequest request, CancellationToken cancellationToken)
    {
        var reply = await Until(_writer.Compact(request), cancellationToken);
        local.Advance(new PublishedState(reply.Header.Revision, request.Revision, reply.Header.RaftTerm));
        return reply;
    }

    public Task<LeaseGrantResponse> LeaseGrant(LeaseGrantRequest request, CancellationToken cancellationToken) =>
        Until(_writer.LeaseGrant(request), cancellationToken);

    public Task<LeaseRevokeResponse> LeaseRevoke(LeaseRevokeRequest request, CancellationToken cancellationToken) =>
        Until(_writer.LeaseRevoke(request), cancellationToken);

    public Task<LeaseKeepAliveResponse> LeaseKeepAlive(LeaseKeepAliveRequest request, CancellationToken cancellationToken) =>
        Until(Clocks(request.ID).KeepAlive(request.ID), cancellationToken);

    public Task<LeaseTimeToLiveResponse> LeaseTimeToLive(LeaseTimeToLiveRequest request, CancellationToken cancellationToken) =>
        Until(Clocks(request.ID).TimeToLive(request), cancellationToken);

    public Task<LeaseLeasesResponse> LeaseLeases(LeaseLeasesRequest request, CancellationToken cancellationToken) =>
        Until(_writer.LeaseLeases(), cancellationToken);

    public Task<AlarmResponse> Alarm(AlarmRequest request, CancellationToken cancellationToken) => Until(_writer.Alarm(request), cancellationToken);

    public Task<StatusResponse> Status(StatusRequest request, CancellationToken cancellationToken) => Until(_writer.Status(), cancellationToken);

    public Task<DefragmentResponse> Defragment(DefragmentRequest request, CancellationToken cancellationToken) =>
        Until(_writer.Defragment(), cancellationToken);

    public Task<HashResponse> Hash(HashRequest request, CancellationToken cancellationToken) => Until(_writer.Hash(), cancellationToken);

    public Task<HashKVResponse> HashKV(HashKVRequest request, CancellationToken cancellationToken) =>
        Until(_writer.HashKV(request), cancellationToken);

    public async IAsyncEnumerable<SnapshotResponse> Snapshot(SnapshotRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var reader = Guid.NewGuid();
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var remaining = long.MaxValue;
        var version = "";
        try
        {
            while (remaining > 0)
            {
                var piece = await Until(_writer.ReadSnapshot(reader), cancellationToken);
                remaining = piece.Remaining;
                version = piece.StorageVersion;
                hash.AppendData(piece.Bytes);
                yield return new SnapshotResponse
                {
                    RemainingBytes = (ulong)remaining,
                    Blob = UnsafeByteOperations.UnsafeWrap(piece.Bytes),
                    Version = version,
                };
            }
        }
        finally
        {
            if (remaining > 0)
                await _writer.EndSnapshot(reader);
        }

        yield return new SnapshotResponse { Blob = UnsafeByteOperations.UnsafeWrap(hash.GetHashAndReset()), Version = version };
    }

    public async Task<MoveLeaderResponse> MoveLeader(MoveLeaderRequest request, CancellationToken cancellationToken)
    {
        if (local.Writer is null)
            throw EtcdErrors.NotLeader;

        if (request.TargetID == local.Identity.MemberId)
            return new MoveLeaderResponse();

        if (members?.Other(request.TargetID) is null)
            throw EtcdErrors.BadLeaderTransferee;

        await RemoteCall.Answer(_writer.MoveTo(request.TargetID), cancellationToken);
        var status = await Until(_writer.Status(), cancellationToken); // answered once the next one writes
        return status.Leader == request.TargetID ? new MoveLeaderResponse() : throw EtcdErrors.LeaderChanged;
    }

    public async Task<MemberListResponse> MemberList(MemberListRequest request, CancellationToken cancellationToken)
    {
        var reply = await Until(_writer.MemberList(), cancellationToken);
        if (members is null)
            return reply;

        reply = new MemberListResponse { Header = reply.Header };
        reply.Members.Add(members.List());
        return reply;
    }

    public Task<AuthStatusResponse> AuthStatus(AuthStatusRequest request, CancellationToken cancellationToken) =>
        Task.FromResult(new AuthStatusResponse { Header = Header(), AuthRevision = 1 });

    private ILeaseGrain Clocks(long lease) => grains.GetGrain<ILeaseGrain>(LeaseRun.ShareOf(lease));

    // The smallest key behind the given one.
    private static ByteString After(ByteString key) => UnsafeByteOperations.UnsafeWrap((byte[])[.. key.Span, 0]);

    // The caller stops waiting; what it asked for may still happen.
    private Task<T> Until<T>(Task<T> task, CancellationToken cancellationToken)
    {
        if (local.Writer is null)
            return Observe(RemoteCall.Answer(task, cancellationToken));

        return task.IsCompletedSuccessfully ? task : RemoteCall.Answer(task, cancellationToken);
    }

    // What clients were told here is the least that they are told here next, and this process is the one that answered them.
    private async Task<T> Observe<T>(Task<T> answer)
    {
        var reply = await answer;
        if (HeaderOf(reply) is not { } header)
            return reply;

        local.Advance(new PublishedState(header.Revision, -1, header.RaftTerm));
        header.MemberId = options.MemberId ?? header.MemberId;
        return reply;
    }

    private static ResponseHeader? HeaderOf<T>(T reply) => reply switch
    {
        PutResponse put => put.Header,
        TxnResponse txn => txn.Header,
        DeleteRangeResponse delete => delete.Header,
        CompactionResponse compaction => compaction.Header,
        LeaseGrantResponse grant => grant.Header,
        LeaseRevokeResponse revoke => revoke.Header,
        LeaseKeepAliveResponse kept => kept.Header,
        LeaseTimeToLiveResponse left => left.Header,
        LeaseLeasesResponse leases => leases.Header,
        AlarmResponse alarm => alarm.Header,
        StatusResponse status => status.Header,
        HashResponse hash => hash.Header,
        HashKVResponse hash => hash.Header,
        MemberListResponse list => list.Header,
        _ => null,
    };
}
