using Google.Protobuf;
using Grpc.Core;
using Kine.Backends;
using Kine.Etcd;
using Kine.Grains.Import;
using Kine.Host.Client;

namespace Kine.Host.Transfer;

/// <summary>
/// Writes the present state of a source to a running server, by the transactions that every server of the API knows. Revisions are the server's own. What is there
/// already, from an interrupted run, is not written again.
/// </summary>
internal sealed class ServerTarget(EtcdChannel channel, IHistorySource source, LiveKeys live)
{
    private const int InFlight = 32;
    private readonly Dictionary<long, long> _leases = []; // id in the source -> id in the target

    public long Written => _written;

    private long _written;

    /// <summary>Throws <see cref="ImportException"/> when the server holds a key that the source does not.</summary>
    public async Task CheckTarget(CancellationToken cancellationToken)
    {
        var pages = await ServerPages.Open(channel, cancellationToken);
        await foreach (var pair in pages.Read(keysOnly: true, cancellationToken))
        {
            if (!live.Contains(pair.Key.Span))
                throw new ImportException($"the server at {channel.Endpoint.Authority} is not empty: it has the key \"{pair.Key.ToStringUtf8()}\", which the source has not");
        }
    }

    /// <summary>Writes all live pairs; returns number and sum of those without a lease, which do not go by themselves. <paramref name="progress"/> gets revisions.</summary>
    public async Task<PairSum> Write(Action<long> progress, CancellationToken cancellationToken)
    {
        var sum = new PairSum();
        var limit = new ParallelOptions { MaxDegreeOfParallelism = InFlight, CancellationToken = cancellationToken };

        // The source is read by one of the writers at a time.
        var alive = source.Records(cancellationToken).Where(record =>
        {
            progress(record.Revision);
            var found = live.IsLive(record);
            if (found && record.Lease == 0)
                sum.Add(record.Key.Span, record.Value.Span);

            return found;
        });
        await Parallel.ForEachAsync(alive, limit, async (record, stopped) =>
            await WriteKey(record, record.Lease == 0 ? 0 : await Grant(record.Lease, again: false, stopped), stopped));
        return sum;
    }

    /// <summary>Throws <see cref="ImportException"/> unless the server's pairs without a lease are exactly those.</summary>
    public async Task Check(PairSum expected, CancellationToken cancellationToken)
    {
        var found = new PairSum();
        var pages = await ServerPages.Open(channel, cancellationToken);
        await foreach (var pair in pages.Read(keysOnly: false, cancellationToken))
        {
            if (pair.Lease == 0)
                found.Add(pair.Key.Span, pair.Value.Span);
        }

        if (found.Count != expected.Count || found.Text != expected.Text)
        {
            throw new ImportException(
                $"the server at {channel.Endpoint.Authority} holds {found.Count} keys without a lease, sum {found.Text}; the source has {expected.Count}, sum {expected.Text}");
        }
    }

    private async Task WriteKey(LogRecord record, long lease, CancellationToken cancellationToken)
    {
        var key = UnsafeByteOperations.UnsafeWrap(record.Key);
        var value = UnsafeByteOperations.UnsafeWrap(record.Value);
        long revision = 0;
        for (var attempt = 0; attempt < 3; attempt++)
        {
            TxnResponse reply;
            try
            {
                reply = await Put(key, value, lease, revision, cancellationToken);
            }
            catch (RpcException error) when (error.StatusCode == StatusCode.NotFound && lease != 0)
            {
                // The lease ran out since it was granted.
                lease = await Grant(record.Lease, again: true, cancellationToken);
                continue;
            }

            if (reply.Succeeded)
            {
                Interlocked.Increment(ref _written);
                return;
            }

            var there = reply.Responses.Count > 0 ? reply.Responses[0].ResponseRange?.Kvs.FirstOrDefault() : null;
            if (there is not null && there.Value.Equals(value) && there.Lease != 0 == (lease != 0))
                return;

            revision = there?.ModRevision ?? 0;
        }

        throw new ImportException($"the key \"{key.ToStringUtf8()}\" changes while it is written: somebody else writes to {channel.Endpoint.Authority}");
    }

    private async Task<TxnResponse> Put(ByteString key, ByteString value, long lease, long revision, CancellationToken cancellationToken) =>
        await channel.Kv.TxnAsync(
            new TxnRequest
            {
                Compare = { new Compare { Key = key, Target = Compare.Types.CompareTarget.Mod, Result = Compare.Types.CompareResult.Equal, ModRevision = revision } },
                Success = { new RequestOp { RequestPut = new PutRequest { Key = key, Value = value, Lease = lease } } },
                Failure = { new RequestOp { RequestRange = new RangeRequest { Key = key } } },
            },
            cancellationToken: cancellationToken);

    private readonly SemaphoreSlim _granting = new(1);

    private async Task<long> Grant(long lease, bool again, CancellationToken cancellationToken)
    {
        await _granting.WaitAsync(cancellationToken);
        try
        {
            if (!again && _leases.TryGetValue(lease, out var known))
                return known;

            var ttl = source.End.Leases.FirstOrDefault(granted => granted.Id == lease).Ttl;
            try
            {
                var request = new LeaseGrantRequest { ID = lease, TTL = Math.Max(ttl, 1) };
                var reply = await channel.Lease.LeaseGrantAsync(request, cancellationToken: cancellationToken);
                return _leases[lease] = reply.ID;
            }
            catch (RpcException error) when (error.StatusCode == StatusCode.FailedPrecondition)
            {
                return _leases[lease] = lease; // there from an interrupted run
            }
        }
        finally
        {
            _granting.Release();
        }
    }
}
