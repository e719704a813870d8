using Orleans.Runtime;

namespace Kine.Grains.Hosting;

/// <summary>A silo that suspects another one.</summary>
internal sealed record MembershipVote(SiloAddress Silo, DateTime At);
