using Google.Protobuf;
using Grpc.Core;
using Kine.Etcd;
using Kine.Host.Client;
using Kine.Tests.Wire;

namespace Kine.Tests.Kubernetes;

/// <summary>The requests that a kube-apiserver sends, in their exact shapes (storage/etcd3 and its client's kubernetes interface).</summary>
internal sealed class ApiServerStore(EtcdChannel channel)
{
    private const string CompactRevisionKey = "compact_rev_key";

    public EtcdChannel Channel { get; } = channel;

    /// <summary>Create: succeeds when the key is absent. Gives the revision, or 0 when another one was first.</summary>
    public async Task<long> Create(string key, string value, long lease = 0)
    {
        var reply = await Channel.Txn(new TxnRequest
        {
            Compare = { ModRevisionIs(key, 0) },
            Success = { Put(key, value, lease) },
        });
        return reply.Succeeded ? reply.Header.Revision : 0;
    }

    /// <summary>Update: succeeds when the key still has the revision expected; otherwise it gives what is there now.</summary>
    public async Task<(long Revision, KeyValue? Current)> Update(string key, string value, long expected, long lease = 0)
        => Outcome(await Channel.Txn(new TxnRequest
        {
            Compare = { ModRevisionIs(key, expected) },
            Success = { Put(key, value, lease) },
            Failure = { Get(key) },
        }));

    /// <summary>Delete under the same condition.</summary>
    public async Task<(long Revision, KeyValue? Current)> Delete(string key, long expected)
        => Outcome(await Channel.Txn(new TxnRequest
        {
            Compare = { ModRevisionIs(key, expected) },
            Success = { new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = Bytes(key) } } },
            Failure = { Get(key) },
        }));

    public Task<RangeResponse> Get(string key, long revision)
        => Channel.Range(new RangeRequest { Key = Bytes(key), Limit = 1, Revision = revision });

    /// <summary>The revision of now: a read of the prefix as if it were a key, of which only the header counts.</summary>
    public async Task<long> CurrentRevision(string prefix)
        => (await Channel.Range(new RangeRequest { Key = Bytes(prefix), Limit = 1 })).Header.Revision;

    /// <summary>One page of a list: the first at the revision given (0 = now), the next ones from the last key on.</summary>
    public Task<RangeResponse> Page(string prefix, int limit, long revision = 0, ByteString? after = null)
        => Channel.Range(new RangeRequest
        {
            Key = after is null ? Bytes(prefix) : ByteString.CopyFrom([.. after, 0]),
            RangeEnd = PrefixEnd(prefix),
            Limit = limit,
            Revision = revision,
        });

    /// <summary>All pages; another page is asked for while a page holds fewer keys than its count says.</summary>
    public async Task<(long Revision, List<KeyValue> Items)> List(string prefix, int limit = 500, Func<Task>? betweenPages = null)
    {
        var page = await Page(prefix, limit);
        var revision = page.Header.Revision;
        var items = page.Kvs.ToList();
        var expected = page.Count;
        while (page.Kvs.Count < page.Count)
        {
            if (betweenPages is not null)
                await betweenPages();

            page = await Page(prefix, limit, revision, items[^1].Key);
            if (page.Count != expected - items.Count)
                throw new InvalidOperationException($"a page counts {page.Count} keys where {expected - items.Count} are left");

            items.AddRange(page.Kvs);
        }
        return (revision, items);
    }

    public async Task<long> Count(string prefix)
        => (await Channel.Range(new RangeRequest { Key = Bytes(prefix), RangeEnd = PrefixEnd(prefix), CountOnly = true })).Count;

    /// <summary>Watches a prefix for everything after a revision.</summary>
    public async Task<WatchCall> WatchAfter(string prefix, long revision)
    {
        var call = Channel.Watch.Watch(new Metadata { { "hasleader", "true" } });
        await call.Write(new WatchRequest
        {
            CreateRequest = new WatchCreateRequest
            {
                Key = Bytes(prefix),
                RangeEnd = PrefixEnd(prefix),
                StartRevision = revision + 1,
                PrevKv = true,
                ProgressNotify = true,
            },
        });
        return call;
    }

    /// <summary>
    /// One turn of the compactor that runs in every apiserver: the one whose version of the key still holds may compact; the others learn
    /// the new version and revision.
    /// </summary>
    public async Task<(bool Won, long Version, long Revision)> ClaimCompaction(long version, long revision)
    {
        var reply = await Channel.Txn(new TxnRequest
        {
            Compare =
            {
                new Compare
                {
                    Key = Bytes(CompactRevisionKey),
                    Target = Compare.Types.CompareTarget.Version,
                    Result = Compare.Types.CompareResult.Equal,
                    Version = version,
                },
            },
            Success = { Put(CompactRevisionKey, revision.ToString(), 0) },
            Failure = { Get(CompactRevisionKey) },
        });
        return reply.Succeeded
            ? (true, version + 1, reply.Header.Revision)
            : (false, reply.Responses[0].ResponseRange.Kvs[0].Version, reply.Header.Revision);
    }

    public static ByteString Bytes(string text) => ByteString.CopyFromUtf8(text);

    public static ByteString PrefixEnd(string prefix)
    {
        var end = Bytes(prefix).ToByteArray();
        end[^1]++;
        return ByteString.CopyFrom(end);
    }

    private static (long, KeyValue?) Outcome(TxnResponse reply)
        => reply.Succeeded ? (reply.Header.Revision, null) : (0, reply.Responses[0].ResponseRange.Kvs.SingleOrDefault());

    private static Compare ModRevisionIs(string key, long revision) => new()
    {
        Key = Bytes(key),
        Target = Compare.Types.CompareTarget.Mod,
        Result = Compare.Types.CompareResult.Equal,
        ModRevision = revision,
    };

    private static RequestOp Put(string key, string value, long lease)
        => new() { RequestPut = new PutRequest { Key = Bytes(key), Value = Bytes(value), Lease = lease } };

    private static RequestOp Get(string key) => new() { RequestRange = new RangeRequest { Key = Bytes(key) } };
}
