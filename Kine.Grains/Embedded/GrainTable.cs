using Kine.Grains.Lease;
using Kine.Grains.Prefix;
using Kine.Grains.Revision;

namespace Kine.Grains.Embedded;

/// <summary>The grains of the product: interface, class and hand-written reference. Orleans finds its own by code generation.</summary>
internal static class GrainTable
{
    public static void AddTo(GrainCatalog catalog) => catalog
        .AddGrain<IRevisionGrain, RevisionGrain>(route => new RevisionGrainReference(route))
        .AddGrain<IPrefixGrain, PrefixGrain>(route => new PrefixGrainReference(route))
        .AddGrain<ILeaseGrain, LeaseGrain>(route => new LeaseGrainReference(route));
}
