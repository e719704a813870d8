using Google.Protobuf;
using Google.Protobuf.Collections;
using Kine.Etcd;
using Kine.Grains.Index;
using Kine.Grains.Reads;
using Kind = Kine.Etcd.RequestOp.RequestOneofCase;

namespace Kine.Grains.Requests;

/// <summary>What makes a write wrong whatever the state (etcd v3 API, KV).</summary>
public static class RequestRules
{
    /// <summary>Most operations of one kind at the top level of a transaction.</summary>
    public const int MaxOperations = 128;

    /// <summary>Throws etcd's error for the first thing that is wrong, in etcd's order.</summary>
    public static void Check(PutRequest request)
    {
        if (request.Key.IsEmpty)
            throw EtcdErrors.EmptyKey;

        if (request.IgnoreValue && !request.Value.IsEmpty)
            throw EtcdErrors.ValueProvided;

        if (request.IgnoreLease && request.Lease != 0)
            throw EtcdErrors.LeaseProvided;
    }

    /// <summary>The same for a DeleteRangeRequest.</summary>
    public static void Check(DeleteRangeRequest request)
    {
        if (request.Key.IsEmpty)
            throw EtcdErrors.EmptyKey;
    }

    /// <summary>The same for a TxnRequest.</summary>
    public static void Check(TxnRequest request)
    {
        Check(request, MaxOperations);
        CheckOverlap(request.Success);
        CheckOverlap(request.Failure);
    }

    /// <summary>True when either branch may put, which takes space.</summary>
    public static bool Puts(TxnRequest request) => Has(request, deletes: false);

    /// <summary>True when either branch may change something.</summary>
    public static bool MayWrite(TxnRequest request) => Has(request, deletes: true);

    private static bool Has(TxnRequest request, bool deletes) => Has(request.Success, deletes) || Has(request.Failure, deletes);

    private static bool Has(RepeatedField<RequestOp> operations, bool deletes)
    {
        foreach (var operation in operations)
        {
            var kind = operation.RequestCase;
            if (kind == Kind.RequestPut || (deletes && kind == Kind.RequestDeleteRange) || (kind == Kind.RequestTxn && Has(operation.RequestTxn, deletes)))
                return true;
        }

        return false;
    }

    private static void Check(TxnRequest request, int most)
    {
        var count = Math.Max(request.Compare.Count, Math.Max(request.Success.Count, request.Failure.Count));
        if (count > most)
            throw EtcdErrors.TooManyOperations;

        foreach (var compare in request.Compare)
        {
            if (compare.Key.IsEmpty)
                throw EtcdErrors.EmptyKey;
        }

        Check(request.Success, most - count);
        Check(request.Failure, most - count);
    }

    private static void Check(RepeatedField<RequestOp> operations, int most)
    {
        foreach (var operation in operations)
        {
            switch (operation.RequestCase)
            {
                case Kind.RequestRange:
                    RangeRules.Check(operation.RequestRange);
                    break;
                case Kind.RequestPut:
                    Check(operation.RequestPut);
                    break;
                case Kind.RequestDeleteRange:
                    Check(operation.RequestDeleteRange);
                    break;
                case Kind.RequestTxn:
                    Check(operation.RequestTxn, most);
                    break;
                default:
                    throw EtcdErrors.KeyNotFound;
            }
        }
    }

    // One level's puts must not meet each other, its deletes, or what its nested transactions put; deletes may overlap. What a nested transaction
    // deletes is known to the levels above it, but not to the nested transactions before it: etcd lets such a pair through, and so do we.
    private static Writes CheckOverlap(RepeatedField<RequestOp> operations)
    {
        Writes writes = default;
        foreach (var operation in operations)
        {
            if (operation.RequestCase == Kind.RequestDeleteRange)
            {
                var delete = operation.RequestDeleteRange;
                (writes.Deletes ??= []).Add(new KeyRange(delete.Key.Memory, delete.RangeEnd.Memory));
            }
        }

        foreach (var operation in operations)
        {
            if (operation.RequestCase == Kind.RequestTxn)
            {
                var then = CheckOverlap(operation.RequestTxn.Success);
                var otherwise = CheckOverlap(operation.RequestTxn.Failure);
                writes.AddPuts(then.Puts, except: null);
                writes.AddPuts(otherwise.Puts, except: then.Puts);
                writes.AddDeletes(then.Deletes);
                writes.AddDeletes(otherwise.Deletes);
            }
        }

        foreach (var operation in operations)
        {
            if (operation.RequestCase == Kind.RequestPut)
                writes.AddPut(operation.RequestPut.Key, safe: false);
        }

        return writes;
    }

    private struct Writes
    {
        public HashSet<ByteString>? Puts;
        public List<KeyRange>? Deletes;

        public void AddPuts(HashSet<ByteString>? puts, HashSet<ByteString>? except)
        {
            foreach (var key in puts ?? [])
                AddPut(key, except?.Contains(key) == true);
        }

        public void AddDeletes(List<KeyRange>? deletes)
        {
            if (deletes is not null)
                (Deletes ??= []).AddRange(deletes);
        }

        // safe: the key may stand there already, put by the other branch of the same transaction.
        public void AddPut(ByteString key, bool safe)
        {
            if (!(Puts ??= []).Add(key) && !safe)
                throw EtcdErrors.DuplicateKey;

            for (var i = 0; i < Deletes?.Count; i++)
            {
                // etcd's check knows no open end: a delete of everything from a key on meets no put.
                if (!Deletes[i].IsOpen && Deletes[i].Contains(key.Span))
                    throw EtcdErrors.DuplicateKey;
            }
        }
    }
}
