using Kine.Etcd;

namespace Kine.Host.Bench.Workloads;

/// <summary>Counts all keys of the run.</summary>
internal sealed class CountWorkload(BenchKeys keys, int keyCount, bool serializable) : RangeWorkload
{
    public override RangeRequest Request(BenchClient client) =>
        new() { Key = keys.Directory, RangeEnd = keys.End, CountOnly = true, Serializable = serializable };

    public override string? Check(BenchClient client, RangeResponse reply) => reply.Count >= keyCount ? null : "count too low";
}
