using Kine.Etcd;

namespace Kine.Grains.Writing;

/// <summary>The writer's answer to keep-alives.</summary>
/// <param name="Header">The header of all of them.</param>
/// <param name="Runs">The new run of each lease that was asked for, in that order.</param>
[GenerateSerializer, Immutable]
public sealed record LeaseRenewals(ResponseHeader Header, LeaseRun[] Runs);
