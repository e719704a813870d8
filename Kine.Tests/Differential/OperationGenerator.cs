using Grpc.Core;
using Kine.Etcd;
using Kine.Tests.Wire;

namespace Kine.Tests.Differential;

/// <summary>Draws random operations, valid and invalid ones, that touch each other often: few keys, few leases, few watch ids.</summary>
internal sealed partial class OperationGenerator(KeyspaceView view, int watchStreams)
{
    /// <summary>The next operation. The same seed and the same answers of the reference give the same sequence.</summary>
    public Operation Next() => view.Random.Next(1000) switch
    {
        < 250 => Put(),
        < 450 => Range(),
        < 520 => RangeStream(),
        < 620 => Delete(),
        < 800 => Txn(),
        < 810 => Compact(),
        < 880 => Lease(),
        < 985 => Watch(),
        _ => HashKV(),
    };

    private UnaryOperation<RangeRequest, RangeResponse> Range()
    {
        var request = NewRange();
        return new(request, static (channel, request) => channel.Kv.RangeAsync(request), reply => RangeText.Of(request, reply));
    }

    private RangeRequest NewRange()
    {
        var request = new RangeRequest
        {
            Key = view.KeyOrNone(),
            Revision = view.RevisionAround(),
            Limit = view.Pick(0, 0, 0, 1, 2, 3, 5, 10, 1000, -1),
            Serializable = view.Chance(0.2),
            KeysOnly = view.Chance(0.2),
            CountOnly = view.Chance(0.15),
            MinModRevision = view.FilterBound(),
            MaxModRevision = view.FilterBound(),
            MinCreateRevision = view.FilterBound(),
            MaxCreateRevision = view.FilterBound(),
        };
        request.RangeEnd = view.RangeEnd(request.Key);
        if (view.Chance(0.4))
        {
            request.SortOrder = (RangeRequest.Types.SortOrder)view.Random.Next(3);
            // Never a target that etcd 3.5 does not know: it crashes.
            request.SortTarget = (RangeRequest.Types.SortTarget)view.Random.Next(5);
        }
        return request;
    }

    // RangeStream takes no other order than by key and no filters; all its chunks together are Range's reply. Without an order it takes any target, too, and
    // goes by key all the same.
    private CompoundOperation RangeStream()
    {
        var request = NewRange();
        request.SortTarget = RangeRequest.Types.SortTarget.Key;
        request.SortOrder = view.Pick(RangeRequest.Types.SortOrder.None, RangeRequest.Types.SortOrder.Ascend);
        request.MinModRevision = request.MaxModRevision = request.MinCreateRevision = request.MaxCreateRevision = 0;
        var streamed = request.Clone();
        if (request.SortOrder == RangeRequest.Types.SortOrder.None && view.Chance(0.3))
            streamed.SortTarget = (RangeRequest.Types.SortTarget)view.Random.Next(5);

        return new CompoundOperation($"RangeStream {MessageText.Of(streamed)}", async side =>
        {
            if (!side.HasRangeStream)
            {
                var reply = await side.Channel.Range(request);
                return Answer.From(reply, MessageText.Of(reply));
            }
            var whole = new RangeResponse();
            using var call = side.Channel.Kv.RangeStream(streamed);
            await foreach (var chunk in call.ResponseStream.ReadAllAsync())
            {
                if (whole.Header is not null)
                    throw Answer.Broken("a chunk after the one with the header");

                whole.MergeFrom(chunk.RangeResponse);
            }
            return Answer.From(whole, MessageText.Of(whole));
        });
    }

    private UnaryOperation<PutRequest, PutResponse> Put() => new(NewPut(), static (channel, request) => channel.Kv.PutAsync(request));

    private PutRequest NewPut()
    {
        var request = new PutRequest { Key = view.KeyOrNone(), Value = view.Value(), PrevKv = view.Chance(0.3) };
        if (view.Chance(0.2))
            request.Lease = view.LeaseId();

        if (view.Chance(0.08))
        {
            request.IgnoreValue = true;
            if (view.Chance(0.9))
                request.Value = Google.Protobuf.ByteString.Empty;
        }
        if (view.Chance(0.08))
        {
            request.IgnoreLease = true;
            if (view.Chance(0.9))
                request.Lease = 0;
        }
        return request;
    }

    private UnaryOperation<DeleteRangeRequest, DeleteRangeResponse> Delete() =>
        new(NewDelete(), static (channel, request) => channel.Kv.DeleteRangeAsync(request));

    private DeleteRangeRequest NewDelete()
    {
        var request = new DeleteRangeRequest { Key = view.KeyOrNone(), PrevKv = view.Chance(0.3) };
        if (view.Chance(0.3))
            request.RangeEnd = view.RangeEnd(request.Key);

        return request;
    }

    private CompoundOperation Compact()
    {
        var request = new CompactionRequest
        {
            Revision = view.Random.Next(8) switch
            {
                0 => view.RevisionAround(),
                1 => view.Revision,
                _ => view.Random.NextInt64(view.Compacted, view.Revision + 1),
            },
            Physical = view.Chance(0.8),
        };
        // A compaction to 0 would make etcd answer the hash it keeps for it to every question for the current one, until its restart.
        if (request.Revision == 0)
            request.Revision = 1;
        // Compacted at a revision that deleted a key and wrote it again, etcd loses what was written.
        while (view.Rewritten.Contains(request.Revision))
            request.Revision++;

        return new CompoundOperation(
            $"Compact {MessageText.Of(request)}",
            async side =>
            {
                var reply = await side.Channel.Kv.CompactAsync(request);
                // A compaction that was not waited for goes on behind the reply, and what it has not deleted yet can be seen in a hash.
                if (!request.Physical)
                    await Task.Delay(300);

                view.Compacted = Math.Max(view.Compacted, request.Revision);
                lock (view.Compactions)
                {
                    view.Compactions.Add(request.Revision);
                }

                return Answer.From(reply, MessageText.Of(reply));
            },
            Quiet: true);
    }

    private CompoundOperation HashKV()
    {
        var revision = view.RevisionAround();
        // etcd keeps the hash of a revision that it compacted at until its restart, computed by another rule.
        if (view.Compactions.Contains(revision))
            revision = 0;

        return new CompoundOperation($"HashKV {revision}", async side =>
        {
            var reply = await side.Channel.HashKV(revision);
            // hash_revision is younger than 3.5.
            reply.HashRevision = 0;
            return Answer.From(reply, MessageText.Of(reply));
        });
    }
}
