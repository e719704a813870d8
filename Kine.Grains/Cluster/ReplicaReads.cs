using System.Runtime.CompilerServices;
using Kine.Etcd;
using Kine.Grains.Reads;
using Kine.Grains.Writing;

namespace Kine.Grains.Cluster;

/// <summary>
/// Ranges in a process that does not hold the writer, from its replica. A linearizable one first asks the writer what is published, in one question for all who wait;
/// a serializable one does not go back behind what clients were told here.
/// </summary>
internal sealed class ReplicaReads(ProcessState local, WriterOptions options, IGrainFactory grains, TimeProvider time)
{
    private readonly CurrentQuestion _current = new(
        () => RemoteCall.Repeated(() => grains.GetGrain<IRevisionGrain>(RevisionGrain.Key).Current(), options.RequestTimeout, time), time);

    /// <summary>Reads what <paramref name="request"/> asks, after <see cref="RangeRules.Check"/>.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<RangeReply> Range(RangeRequest request, CancellationToken cancellationToken)
    {
        var known = local.Remote;

        // Before anything was heard it is this question that may bring a writer to life.
        if (!request.Serializable || known.Revision == 0 || request.Revision > known.Revision)
            known = Known(await _current.Ask().WaitAsync(cancellationToken));

        while (true)
        {
            var view = local.Replica.TryAt(known) ?? await ViewAt(known, cancellationToken);
            var before = view.State;
            try
            {
                return await RangeReader.Range(view, request, cancellationToken);
            }
            catch (Exception error) when (error is MissingValueException || (error is EtcdException { Code: StatusCode.OutOfRange } && request.Revision <= 0))
            {
                // The writer compacted away what was being read, which this process may not have heard yet.
                known = Known(await _current.Ask().WaitAsync(cancellationToken));
                if ((await ViewAt(known, cancellationToken)).State == before)
                    throw;
            }
        }
    }

    private PublishedState Known(CurrentAnswer answer)
    {
        if (answer.Error is { } error)
            throw error.Copy();

        local.Advance(answer.State!);
        return answer.State!;
    }

    private async Task<KeyspaceView> ViewAt(PublishedState known, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(options.RequestTimeout, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            return await local.Replica.At(known, both.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw EtcdErrors.TimedOut;
        }
        catch (EtcdException) when (local.Writer is { } writers && writers.State.Revision >= known.Revision)
        {
            return writers; // the writer has come here, and goes on with the replica
        }
    }
}
