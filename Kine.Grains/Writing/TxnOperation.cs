using Google.Protobuf;
using Google.Protobuf.Collections;
using Kine.Etcd;
using Kine.Grains.Index;
using Kine.Grains.Reads;
using Kine.Grains.Requests;
using Kine.Grains.Values;

namespace Kine.Grains.Writing;

/// <summary>
/// etcd v3 API, KV.Txn. All compares, nested ones included, look at the state before the transaction and decide which branches are taken; what can
/// fail in those is checked next; only then is anything written.
/// </summary>
internal sealed class TxnOperation(TxnRequest request) : WriteOperation<TxnResponse>
{
    private readonly List<bool> _path = [];
    private List<(RangeRequest Request, RangeResponse Reply)>? _sortLate;
    private int _next;

    public override int Size { get; } = request.CalculateSize();

    public override void Evaluate(WriteState state)
    {
        if (RequestRules.Puts(request))
            state.CheckSpace(Size);

        _path.Clear();
        _sortLate = null;
        Decide(request, state);
        if (Needs is not null)
            return;

        Walk(request, operation => CheckPut(operation, state));
        Walk(request, operation => CheckRange(operation, state));
        if (Needs is not null)
            return;

        state.Begin();
        _next = 0;
        Reply = Execute(request, state);
        state.End();
        Reply.Header = state.Header();
    }

    protected override void Filled()
    {
        foreach ((var range, var reply) in _sortLate ?? [])
            SortAndCut(range, reply);
    }

    // Notes the outcome of this transaction's compares, then of the nested ones in the branch taken, in order.
    private void Decide(TxnRequest txn, WriteState state)
    {
        var succeeded = Matches(txn.Compare, state);
        _path.Add(succeeded);
        foreach (var operation in succeeded ? txn.Success : txn.Failure)
        {
            if (operation.RequestCase == RequestOp.RequestOneofCase.RequestTxn)
                Decide(operation.RequestTxn, state);
        }
    }

    private bool Matches(RepeatedField<Compare> compares, WriteState state)
    {
        foreach (var compare in compares)
        {
            if (!Matches(compare, state))
                return false;
        }

        return true;
    }

    private bool Matches(Compare compare, WriteState state)
    {
        var any = false;
        if (compare.RangeEnd.IsEmpty)
        {
            if (state.TryGet(compare.Key.Span, out var version))
                return Matches(compare, compare.Key.Memory, version, state);
        }
        else
        {
            var cursor = state.Index.Range(new KeyRange(compare.Key.Memory, compare.RangeEnd.Memory), state.Revision);
            while (cursor.MoveNext())
            {
                any = true;
                ReadOnlyMemory<byte> key = compare.Target == Compare.Types.CompareTarget.Value ? cursor.Key.ToArray() : default;
                if (!Matches(compare, key, cursor.Current, state))
                    return false;
            }
        }

        // A missing key compares as all zeros, but never by value.
        return any || (compare.Target != Compare.Types.CompareTarget.Value && Matches(compare, default, default, state));
    }

    private bool Matches(Compare compare, ReadOnlyMemory<byte> key, in KeyVersion version, WriteState state)
    {
        int order;
        switch (compare.Target)
        {
            case Compare.Types.CompareTarget.Version:
                order = version.Version.CompareTo(compare.Version);
                break;
            case Compare.Types.CompareTarget.Create:
                order = version.Create.CompareTo(compare.CreateRevision);
                break;
            case Compare.Types.CompareTarget.Mod:
                order = version.Mod.CompareTo(compare.ModRevision);
                break;
            case Compare.Types.CompareTarget.Lease:
                order = version.Lease.CompareTo(compare.Lease);
                break;
            case Compare.Types.CompareTarget.Value:
                if (version.ValueLength == 0)
                {
                    order = compare.Value.IsEmpty ? 0 : -1;
                }
                else if (state.TryKeyValue(this, version.Id, out var keyValue))
                {
                    order = KeyValueWire.Value(keyValue).Span.SequenceCompareTo(compare.Value.Span);
                }
                else
                {
                    // Go on as if it matched, so that all that is missing is fetched at once; the outcome is thrown away.
                    Need(key, version);
                    return true;
                }

                break;
            default:
                order = 0; // etcd compares an unknown target as equal
                break;
        }

        return compare.Result switch
        {
            Compare.Types.CompareResult.Equal => order == 0,
            Compare.Types.CompareResult.NotEqual => order != 0,
            Compare.Types.CompareResult.Greater => order > 0,
            Compare.Types.CompareResult.Less => order < 0,
            _ => true,
        };
    }

    private void Walk(TxnRequest txn, Action<RequestOp> visit)
    {
        _next = 0;
        WalkTaken(txn, visit);
    }

    private void WalkTaken(TxnRequest txn, Action<RequestOp> visit)
    {
        foreach (var operation in Taken(txn))
        {
            if (operation.RequestCase == RequestOp.RequestOneofCase.RequestTxn)
                WalkTaken(operation.RequestTxn, visit);
            else
                visit(operation);
        }
    }

    private RepeatedField<RequestOp> Taken(TxnRequest txn) => _path[_next++] ? txn.Success : txn.Failure;

    private void CheckPut(RequestOp operation, WriteState state)
    {
        if (operation.RequestCase == RequestOp.RequestOneofCase.RequestPut)
        {
            var put = operation.RequestPut;
            PutEvaluation.CheckExisting(put, state);
            if (put.Lease != 0 && state.Leases.Find(put.Lease) is null)
                throw EtcdErrors.LeaseNotFound;

            PutEvaluation.HasValue(put, state, this);
        }
    }

    private static void CheckRange(RequestOp operation, WriteState state)
    {
        if (operation.RequestCase == RequestOp.RequestOneofCase.RequestRange && operation.RequestRange.Revision != 0)
        {
            if (operation.RequestRange.Revision > state.Revision)
                throw EtcdErrors.FutureRevision;

            if (operation.RequestRange.Revision < state.CompactRevision)
                throw EtcdErrors.Compacted;
        }
    }

    private TxnResponse Execute(TxnRequest txn, WriteState state)
    {
        var reply = new TxnResponse { Header = new ResponseHeader(), Succeeded = _path[_next] };
        foreach (var operation in Taken(txn))
        {
            var response = new ResponseOp();
            switch (operation.RequestCase)
            {
                case RequestOp.RequestOneofCase.RequestRange:
                    response.ResponseRange = ExecuteRange(operation.RequestRange, state);
                    break;
                case RequestOp.RequestOneofCase.RequestPut:
                    response.ResponsePut = PutEvaluation.Execute(operation.RequestPut, state, this);
                    response.ResponsePut.Header = new ResponseHeader { Revision = state.ReadRevision };
                    break;
                case RequestOp.RequestOneofCase.RequestDeleteRange:
                    response.ResponseDeleteRange = DeleteRangeOperation.Execute(operation.RequestDeleteRange, state, this);
                    response.ResponseDeleteRange.Header = new ResponseHeader { Revision = state.ReadRevision };
                    break;
                default:
                    response.ResponseTxn = Execute(operation.RequestTxn, state);
                    break;
            }

            reply.Responses.Add(response);
        }

        return reply;
    }

    private RangeResponse ExecuteRange(RangeRequest range, WriteState state)
    {
        var revision = range.Revision > 0 ? range.Revision : state.ReadRevision;
        var keys = new KeyRange(range.Key.Memory, range.RangeEnd.Memory);
        var reply = new RangeResponse
        {
            Header = new ResponseHeader { Revision = state.ReadRevision },
            Count = state.Index.Count(keys, revision),
        };
        if (range.CountOnly)
            return reply;

        var fetch = RangeRules.IsKeyOrder(range) && !RangeRules.HasFilters(range) && range.Limit > 0 ? range.Limit + 1 : RangeRules.Fetch(range);
        var byValue = range.SortTarget == RangeRequest.Types.SortTarget.Value;
        var cursor = state.Index.Range(keys, revision);
        while ((fetch == 0 || reply.Kvs.Count < fetch) && cursor.MoveNext())
        {
            if (RangeRules.Passes(range, cursor.Current))
                reply.Kvs.Add(Pair(state, cursor.Key.ToArray(), cursor.Current, range.KeysOnly && !byValue));
        }

        if (byValue)
            (_sortLate ??= []).Add((range, reply));
        else
            SortAndCut(range, reply);

        return reply;
    }

    private static void SortAndCut(RangeRequest range, RangeResponse reply)
    {
        if (!RangeRules.IsKeyOrder(range))
        {
            List<KeyValue> pairs = [.. reply.Kvs];
            RangeRules.Sort(
                range,
                pairs,
                pair => new KeyVersion(pair.ModRevision, 0, pair.CreateRevision, pair.Version, pair.Lease, pair.Value.Length),
                pair => pair.Value.Memory);
            reply.Kvs.Clear();
            reply.Kvs.Add(pairs);
        }

        if (range.Limit > 0 && reply.Kvs.Count > range.Limit)
        {
            reply.More = true;
            while (reply.Kvs.Count > range.Limit)
                reply.Kvs.RemoveAt(reply.Kvs.Count - 1);
        }

        if (range.KeysOnly)
        {
            foreach (var pair in reply.Kvs)
                pair.Value = ByteString.Empty;
        }
    }
}
