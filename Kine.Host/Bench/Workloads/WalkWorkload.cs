using Kine.Host.Bench.Http2;

namespace Kine.Host.Bench.Workloads;

/// <summary>Reads all keys once per client and round, as a client does that lists a whole resource: pages of one revision, each behind the last key.</summary>
internal sealed class WalkWorkload : Workload
{
    private readonly KeySpace _keys;
    private readonly byte[] _end;
    private readonly int _limit;
    private readonly Walk[] _walks;

    public WalkWorkload(KeySpace keys, int limit, int clients)
    {
        _keys = keys;
        _end = keys.End();
        _limit = limit;
        _walks = [.. Enumerable.Range(0, clients).Select(_ => new Walk())];
    }

    public override string Path => EtcdMethods.Range;

    public override bool TryEncode(BenchClient client)
    {
        var walk = _walks[client.Index];
        if (walk.Ended)
        {
            // The next round walks again.
            walk.Restart();
            return false;
        }

        if (walk.Revision == 0)
        {
            client.Request.BytesField(1, _keys.Directory);
        }
        else
        {
            client.Request.LengthField(1, walk.LastKey.Length + 1);
            client.Request.Write(walk.LastKey);
            client.Request.WriteByte(0);
        }

        client.Request.BytesField(2, _end);
        client.Request.NumberField(3, _limit);
        client.Request.NumberField(4, walk.Revision);
        return true;
    }

    public override string? Check(BenchClient client, ReadOnlySpan<byte> reply)
    {
        var walk = _walks[client.Index];
        var page = RangeReply.Read(reply);
        if (walk.Revision == 0)
        {
            walk.Revision = page.Revision;
            walk.Expected = page.Count;
        }

        walk.Seen += page.Kvs;
        walk.LastKey = page.LastKey.ToArray();
        walk.Ended = !page.More;
        return walk.Ended && walk.Seen != walk.Expected ? $"walk found {walk.Seen} of {walk.Expected} keys" : null;
    }

    private sealed class Walk
    {
        public long Revision { get; set; }

        public long Expected { get; set; }

        public long Seen { get; set; }

        public byte[] LastKey { get; set; } = [];

        public bool Ended { get; set; }

        public void Restart()
        {
            Revision = 0;
            Seen = 0;
            Ended = false;
        }
    }
}
