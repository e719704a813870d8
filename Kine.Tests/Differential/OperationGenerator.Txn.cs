using Google.Protobuf;
using Kine.Etcd;

namespace Kine.Tests.Differential;

internal sealed partial class OperationGenerator
{
    private const int MostOperations = 128;

    private UnaryOperation<TxnRequest, TxnResponse> Txn()
    {
        var request = NewTxn(0);
        if (view.Chance(0.01))
            Overfill(request);

        if (!HasDeleteToTheEnd(request))
            return new(request, static (channel, request) => channel.Kv.TxnAsync(request), reply => RangeText.Of(request, reply));

        ForgetIgnores(request);
        return new(request, static (channel, request) => channel.Kv.TxnAsync(request), reply =>
        {
            lock (view.Rewritten)
            {
                view.Rewritten.Add(reply.Header.Revision);
            }

            return RangeText.Of(request, reply);
        });
    }

    private TxnRequest NewTxn(int depth)
    {
        var request = new TxnRequest();
        for (var n = view.Random.Next(4); n > 0; n--)
            request.Compare.Add(NewCompare());

        for (var n = view.Random.Next(4); n > 0; n--)
            request.Success.Add(NewOperation(depth));

        for (var n = view.Random.Next(4); n > 0; n--)
            request.Failure.Add(NewOperation(depth));

        return request;
    }

    private RequestOp NewOperation(int depth) => view.Random.Next(100) switch
    {
        < 30 => new RequestOp { RequestRange = NewRangeOfTxn() },
        < 70 => new RequestOp { RequestPut = NewPut() },
        < 85 => new RequestOp { RequestDeleteRange = NewDelete() },
        < 99 => depth < 3 ? new RequestOp { RequestTxn = NewTxn(depth + 1) } : new RequestOp { RequestPut = NewPut() },
        _ => view.Chance(0.2) ? new RequestOp() : new RequestOp { RequestPut = NewPut() },
    };

    // Mostly at the current revision: one refused range refuses the whole transaction, and then little is left to compare.
    private RangeRequest NewRangeOfTxn()
    {
        var request = NewRange();
        if (view.Chance(0.85))
            request.Revision = 0;

        return request;
    }

    private Compare NewCompare()
    {
        var compare = new Compare
        {
            Key = view.KeyOrNone(),
            // Now and then a result or a target that nobody knows.
            Result = (Compare.Types.CompareResult)(view.Chance(0.01) ? 9 : view.Random.Next(4)),
            Target = (Compare.Types.CompareTarget)(view.Chance(0.01) ? 9 : view.Random.Next(5)),
        };
        if (view.Chance(0.2))
            compare.RangeEnd = view.RangeEnd(compare.Key);

        if (view.Chance(0.05))
            return compare;
        // Mostly the field that belongs to the target; now and then another one, which counts as none.
        switch (view.Chance(0.95) ? (int)compare.Target : view.Random.Next(5))
        {
            case 0:
                compare.Version = view.Random.Next(4);
                break;
            case 1:
                compare.CreateRevision = SomeRevision();
                break;
            case 2:
                compare.ModRevision = SomeRevision();
                break;
            case 3:
                compare.Value = view.Value();
                break;
            default:
                compare.Lease = view.Chance(0.5) ? 0 : view.LeaseId();
                break;
        }
        return compare;
    }

    private long SomeRevision() => view.Chance(0.3) ? 0 : view.Random.NextInt64(1, view.Revision + 2);

    // Around the limit of operations, on each of the three lists.
    private void Overfill(TxnRequest request)
    {
        var count = MostOperations + view.Random.Next(2);
        switch (view.Random.Next(3))
        {
            case 0:
                while (request.Compare.Count < count)
                    request.Compare.Add(NewCompare());

                break;
            case 1:
                while (request.Success.Count < count)
                    request.Success.Add(new RequestOp { RequestRange = new RangeRequest { Key = view.Key() } });

                break;
            default:
                while (request.Failure.Count < count)
                    request.Failure.Add(new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = view.Key() } });

                break;
        }
    }

    // etcd checks ignore_value and ignore_lease against the state before the transaction. A key that an earlier operation of the same
    // transaction deletes (with range_end \0, or nested: the overlaps it does not catch) then ends the etcd process.
    private static bool HasDeleteToTheEnd(TxnRequest request)
        => Operations(request).Any(op => op.RequestCase is Etcd.RequestOp.RequestOneofCase.RequestDeleteRange);

    private static void ForgetIgnores(TxnRequest request)
    {
        foreach (var put in Operations(request).Where(op => op.RequestPut is not null).Select(op => op.RequestPut))
            put.IgnoreValue = put.IgnoreLease = false;
    }

    private static IEnumerable<RequestOp> Operations(TxnRequest request)
        => request.Success.Concat(request.Failure)
            .SelectMany(op => op.RequestTxn is { } nested ? Operations(nested).Append(op) : [op]);
}
