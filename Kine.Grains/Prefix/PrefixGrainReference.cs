#if !ORLEANS
using Kine.Etcd;
using Kine.Grains.Embedded;
using Kine.Grains.Keyspace;

namespace Kine.Grains.Prefix;

/// <summary>Calls a PrefixGrain without reflection.</summary>
internal sealed class PrefixGrainReference(CallRoute route) : GrainReference<IPrefixGrain>(route), IPrefixGrain
{
    public Task<WireRangeReply> Range(RangeRequest request, PublishedState atLeast) =>
        Invoke(static (grain, call) => grain.Range(call.request, call.atLeast), (request, atLeast));
}
#endif
