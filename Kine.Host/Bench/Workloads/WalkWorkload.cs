using Google.Protobuf;
using Kine.Etcd;

namespace Kine.Host.Bench.Workloads;

/// <summary>Reads all keys once per client and round, as a client does that lists a whole resource: pages of one revision, each behind the last key.</summary>
internal sealed class WalkWorkload(BenchKeys keys, int limit, int clients) : RangeWorkload
{
    private readonly Walk[] _walks = [.. Enumerable.Range(0, clients).Select(_ => new Walk())];

    public override RangeRequest? Request(BenchClient client)
    {
        var walk = _walks[client.Index];
        if (walk.Ended)
        {
            // The next round walks again.
            _walks[client.Index] = new Walk();
            return null;
        }

        return new RangeRequest { Key = walk.Next ?? keys.Directory, RangeEnd = keys.End, Limit = limit, Revision = walk.Revision };
    }

    public override string? Check(BenchClient client, RangeResponse reply)
    {
        var walk = _walks[client.Index];
        if (walk.Revision == 0)
        {
            walk.Revision = reply.Header.Revision;
            walk.Expected = reply.Count;
        }

        walk.Seen += reply.Kvs.Count;
        walk.Ended = !reply.More || reply.Kvs.Count == 0;
        if (walk.Ended)
            return walk.Seen == walk.Expected ? null : $"walk found {walk.Seen} of {walk.Expected} keys";

        walk.Next = ByteString.CopyFrom([.. reply.Kvs[^1].Key.Span, 0]);
        return null;
    }

    private sealed class Walk
    {
        public long Revision { get; set; }

        public long Expected { get; set; }

        public long Seen { get; set; }

        public ByteString? Next { get; set; }

        public bool Ended { get; set; }
    }
}
