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
/// <remarks>
/// Ranges over many keys are not read in the writer's turn. What they see stays: before the first write the revision before, behind the last one the
/// transaction's own. Only those between two writes see what no revision shows; they are read at once, and bounded.
/// </remarks>
internal sealed class TxnOperation(TxnRequest request) : WriteOperation<TxnReply>
{
    private const int KeysInTurn = 16; // of a range
    private const int MaxKeysInTurn = 1024; // of all of them
    private const long MaxBytesInTurn = 1 << 20; // after which all that can be late is
    private const int MaxKeysBetween = 100_000; // of all ranges between writes
    private const long MaxBytesBetween = 32 << 20;
    private const long MaxKeys = 50_000_000; // of all ranges: more do not go into a message

    private readonly List<bool> _path = [];
    private List<(RangeRequest Request, RangeResponse Reply)>? _sortLate;
    private int _next;
    private int _operation; // number of it in the walk
    private int _firstWrite;
    private int _lastWrite;
    private long _keys;
    private long _keysBetween;
    private long _bytesBetween;
    private long _bytes; // of the pairs in the turn

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

        (_firstWrite, _lastWrite) = (int.MaxValue, -1);
        Walk(request, operation => CheckWrite(operation, state));
        (_keys, _keysBetween, _bytesBetween) = (0, 0, 0);
        Walk(request, operation => CheckRange(operation, state));
        if (Needs is not null)
            return;

        state.Begin();
        (_next, _operation, _keys, _bytes) = (0, 0, 0, 0);
        var response = new TxnResponse();
        Reply = new TxnReply(response);
        Execute(request, response, state);
        Reply.HasWritten = state.ReadRevision > state.Revision;
        state.End();
        response.Header = state.Header();
    }

    public override void Release()
    {
        base.Release();
        Reply?.Dispose();
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
        (_next, _operation) = (0, 0);
        WalkTaken(txn, visit);
    }

    private void WalkTaken(TxnRequest txn, Action<RequestOp> visit)
    {
        foreach (var operation in Taken(txn))
        {
            if (operation.RequestCase == RequestOp.RequestOneofCase.RequestTxn)
            {
                WalkTaken(operation.RequestTxn, visit);
                continue;
            }

            visit(operation);
            _operation++;
        }
    }

    private RepeatedField<RequestOp> Taken(TxnRequest txn) => _path[_next++] ? txn.Success : txn.Failure;

    private void CheckWrite(RequestOp operation, WriteState state)
    {
        if (operation.RequestCase is not (RequestOp.RequestOneofCase.RequestPut or RequestOp.RequestOneofCase.RequestDeleteRange))
            return;

        (_firstWrite, _lastWrite) = (Math.Min(_firstWrite, _operation), _operation);
        if (operation.RequestCase == RequestOp.RequestOneofCase.RequestPut)
        {
            var put = operation.RequestPut;
            PutEvaluation.CheckExisting(put, state);
            if (put.Lease != 0 && state.Leases.Find(put.Lease) is null)
                throw EtcdErrors.LeaseNotFound;

            PutEvaluation.HasValue(put, state, this);
        }
    }

    private void CheckRange(RequestOp operation, WriteState state)
    {
        if (operation.RequestCase != RequestOp.RequestOneofCase.RequestRange)
            return;

        var range = operation.RequestRange;
        if (range.Revision > state.Revision)
            throw EtcdErrors.FutureRevision;

        if (range.Revision != 0 && range.Revision < state.CompactRevision)
            throw EtcdErrors.Compacted;

        // At a revision of its own it sees the same wherever it stands.
        if (IsBetweenWrites && range.Revision <= 0 && !range.CountOnly)
            CheckBetween(range, state);
        else if (!range.RangeEnd.IsEmpty && (range.Revision > 0 || !range.CountOnly))
            CheckLate(range, state);
    }

    // Bounds the work: what is sorted, filtered or of an old revision is walked whole.
    private void CheckLate(RangeRequest range, WriteState state)
    {
        var keys = state.Index.Count(new KeyRange(range.Key.Memory, range.RangeEnd.Memory), state.Revision);
        var walked = range.Limit > 0 && range.Revision <= 0 && RangeRules.IsKeyOrder(range) && !RangeRules.HasFilters(range) ? Math.Min(range.Limit, keys) : keys;
        _keys += walked;
        if (_keys > MaxKeys)
            throw EtcdErrors.ReplyTooLarge;
    }

    // Bounds what is read in the writer's turn.
    private void CheckBetween(RangeRequest range, WriteState state)
    {
        var most = RangeRules.IsKeyOrder(range) && !RangeRules.HasFilters(range) ? RangeRules.OnePastLimit(range) : 0;
        long keys = 0;
        var cursor = state.Index.Range(new KeyRange(range.Key.Memory, range.RangeEnd.Memory), state.Revision);
        while ((most == 0 || keys < most) && cursor.MoveNext())
        {
            keys++;
            _keysBetween++;
            _bytesBetween += cursor.KeyLength + (range.KeysOnly ? 0 : cursor.Current.ValueLength);
            if (_keysBetween > MaxKeysBetween || _bytesBetween > MaxBytesBetween)
                throw EtcdErrors.ReplyTooLarge;
        }
    }

    private bool IsBetweenWrites => _operation > _firstWrite && _operation < _lastWrite;

    private void Execute(TxnRequest txn, TxnResponse reply, WriteState state)
    {
        reply.Succeeded = _path[_next];
        foreach (var operation in Taken(txn))
        {
            var response = new ResponseOp();
            reply.Responses.Add(response);
            if (operation.RequestCase == RequestOp.RequestOneofCase.RequestTxn)
            {
                response.ResponseTxn = new TxnResponse { Header = new ResponseHeader() };
                Execute(operation.RequestTxn, response.ResponseTxn, state);
                continue;
            }

            switch (operation.RequestCase)
            {
                case RequestOp.RequestOneofCase.RequestRange:
                    response.ResponseRange = ExecuteRange(operation.RequestRange, state);
                    break;
                case RequestOp.RequestOneofCase.RequestPut:
                    response.ResponsePut = PutEvaluation.Execute(operation.RequestPut, state, this);
                    response.ResponsePut.Header = new ResponseHeader { Revision = state.ReadRevision };
                    break;
                default:
                    response.ResponseDeleteRange = DeleteRangeOperation.Execute(operation.RequestDeleteRange, state, this);
                    response.ResponseDeleteRange.Header = new ResponseHeader { Revision = state.ReadRevision };
                    break;
            }

            _operation++;
        }
    }

    private RangeResponse ExecuteRange(RangeRequest range, WriteState state)
    {
        var revision = range.Revision > 0 ? range.Revision : state.ReadRevision;
        var keys = new KeyRange(range.Key.Memory, range.RangeEnd.Memory);
        var reply = new RangeResponse { Header = new ResponseHeader { Revision = state.ReadRevision } };
        if (range.Revision > 0 ? !keys.IsSingle || _bytes > MaxBytesInTurn : !IsBetweenWrites && IsLate(range, keys, state))
        {
            Reply!.Add(new LateRange(range, revision, reply), state.Pin);
            return reply;
        }

        reply.Count = state.Index.Count(keys, revision);
        if (range.CountOnly)
            return reply;

        var fetch = RangeRules.IsKeyOrder(range) && !RangeRules.HasFilters(range) ? RangeRules.OnePastLimit(range) : RangeRules.Fetch(range);
        var byValue = range.SortTarget == RangeRequest.Types.SortTarget.Value;
        var cursor = state.Index.Range(keys, revision);
        while ((fetch == 0 || reply.Kvs.Count < fetch) && cursor.MoveNext())
        {
            if (!RangeRules.Passes(range, cursor.Current))
                continue;

            reply.Kvs.Add(Pair(state, cursor.Key.ToArray(), cursor.Current, range.KeysOnly && !byValue));
            _bytes += cursor.KeyLength + cursor.Current.ValueLength;
        }

        if (byValue)
            (_sortLate ??= []).Add((range, reply));
        else
            SortAndCut(range, reply);

        return reply;
    }

    private bool IsLate(RangeRequest range, KeyRange keys, WriteState state)
    {
        if (range.CountOnly)
            return false;

        if (_bytes > MaxBytesInTurn)
            return true;

        if (keys.IsSingle)
            return false;

        var count = state.Index.Count(keys, state.ReadRevision);
        if (count > KeysInTurn || _keys + count > MaxKeysInTurn)
            return true;

        _keys += count;
        return false;
    }

    private static void SortAndCut(RangeRequest range, RangeResponse reply)
    {
        if (!RangeRules.IsKeyOrder(range))
        {
            List<KeyValue> pairs = [.. reply.Kvs];
            RangeRules.Sort(
                range,
                pairs,
                pair => RangeRules.SortNumber(range, new KeyVersion(pair.ModRevision, 0, pair.CreateRevision, pair.Version, pair.Lease, pair.Value.Length)),
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
