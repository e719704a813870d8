using Kine.Etcd;

namespace Kine.Host.Bench.Workloads;

/// <summary>Reads.</summary>
internal abstract class RangeWorkload() : Workload<RangeRequest, RangeResponse>((channel, request) => channel.Kv.RangeAsync(request));
