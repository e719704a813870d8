using Google.Protobuf;
using Kine.Etcd;
using Kine.Host.Client;
using Kine.Tests.Wire;

namespace Kine.Tests.Faults;

/// <summary>The events of a server from one revision to its current one, as a watch tells them.</summary>
internal static class History
{
    private static readonly ByteString Everything = ByteString.CopyFrom(0);

    /// <summary>Reads the events, grouped by revision.</summary>
    /// <exception cref="InvalidOperationException">A revision is missing, comes twice, or comes out of order.</exception>
    public static async Task<List<Event[]>> Read(EtcdChannel channel, long from, long to)
    {
        var revisions = new List<Event[]>();
        if (from > to)
            return revisions;

        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        using var watch = await channel.Watch(new WatchCreateRequest { Key = Everything, RangeEnd = Everything, StartRevision = from }, limit.Token);
        while (revisions.Count <= to - from)
        {
            var reply = await watch.Read(limit.Token) ?? throw new InvalidOperationException("the watch was ended");
            if (reply.Canceled)
                throw new InvalidOperationException($"the watch was canceled: {reply}");

            foreach (var group in reply.Events.GroupBy(change => change.Kv.ModRevision))
            {
                if (group.Key != from + revisions.Count)
                    throw new InvalidOperationException($"revision {group.Key} came where {from + revisions.Count} was due");

                revisions.Add([.. group]);
            }
        }
        return revisions;
    }

    /// <summary>Does to another server what the events tell, one transaction a revision.</summary>
    public static async Task Replay(IEnumerable<Event[]> revisions, EtcdChannel target)
    {
        foreach (var events in revisions)
        {
            var request = new TxnRequest();
            request.Success.AddRange(events.Select(change => change.Type == Event.Types.EventType.Put
                ? new RequestOp { RequestPut = new PutRequest { Key = change.Kv.Key, Value = change.Kv.Value, Lease = change.Kv.Lease } }
                : new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = change.Kv.Key } }));
            var reply = await target.Txn(request);
            if (reply.Header.Revision != events[0].Kv.ModRevision)
                throw new InvalidOperationException($"the replay is at {reply.Header.Revision}, the event at {events[0].Kv.ModRevision}");
        }
    }

    /// <summary>Hash and whole content, for a comparison of two servers or of one before and after.</summary>
    public static async Task<string> Fingerprint(EtcdChannel channel)
    {
        var hash = await channel.HashKV();
        var content = await channel.Range(new RangeRequest { Key = Everything, RangeEnd = Everything });
        return $"revision {hash.Header.Revision}, hash {hash.Hash:x8}, compacted {hash.CompactRevision}\n"
            + string.Join('\n', content.Kvs.Select(Differential.MessageText.Of));
    }
}
