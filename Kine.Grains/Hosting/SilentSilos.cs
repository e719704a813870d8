using System.Net;
using Microsoft.Extensions.Logging;
using Orleans.Runtime;

namespace Kine.Grains.Hosting;

/// <summary>
/// Before a silo joins: takes those out of the cluster that ended without a word, when nobody was there to notice. Else it would wait for their answer. A silo whose
/// sign of life does not move for three times as long as it should take is one of them; no clocks of two machines are compared. One that only this process
/// cannot reach is left alone.
/// </summary>
/// <param name="table">Who belongs to the cluster.</param>
/// <param name="own">Where this process is reached: what was there before it on this host has ended.</param>
/// <param name="time">The clock.</param>
/// <param name="log">Where it is told.</param>
internal sealed class SilentSilos(IMembershipTable table, IPEndPoint own, TimeProvider time, ILogger<SilentSilos> log)
{
    /// <summary>How often a silo signs.</summary>
    public static readonly TimeSpan SignOfLife = TimeSpan.FromSeconds(2.5);

    private static readonly TimeSpan Look = SignOfLife / 8;
    private static readonly TimeSpan Patience = SignOfLife * 3;

    /// <summary>Returns once every silo that is said to be there has shown it, or was declared dead.</summary>
    public async Task Remove(CancellationToken cancellationToken)
    {
        await table.InitializeMembershipTableAsync(true, cancellationToken);
        var seen = new Dictionary<SiloAddress, (DateTime Sign, long Since)>();
        while (true)
        {
            var found = await table.ReadAllAsync(cancellationToken);
            var doubtful = found.Members.Where(member => IsDoubtful(member.Item1, seen)).ToList();
            if (doubtful.Count == 0)
                return;

            if (doubtful.Find(member => time.GetElapsedTime(seen[member.Item1.SiloAddress].Since) > Patience) is not { } silent)
                await Task.Delay(Look, time, cancellationToken);
            else if (await table.UpdateRowAsync(Dead(silent.Item1), silent.Item2, found.Version.Next(), cancellationToken))
                log.LogInformation("The process at {Address} had ended without a word", silent.Item1.SiloAddress.Endpoint);
        }
    }

    private bool IsDoubtful(MembershipEntry member, Dictionary<SiloAddress, (DateTime Sign, long Since)> seen)
    {
        var hasOwnAddress = member.SiloAddress.Endpoint.Equals(own);
        if (member.Status == SiloStatus.Dead || (hasOwnAddress && PeerName.Parse(member.SiloName)?.Host == PeerName.OwnHost))
            return false;

        seen.TryAdd(member.SiloAddress, (member.IAmAliveTime, time.GetTimestamp()));
        var doubtful = seen[member.SiloAddress].Sign == member.IAmAliveTime;
        return doubtful || !hasOwnAddress
            ? doubtful
            : throw new StartException(
                $"a process on host {PeerName.Parse(member.SiloName)?.Host} has the same address, {own}, as this one: name one where the others reach this process by --peer-advertise-address");
    }

    private static MembershipEntry Dead(MembershipEntry member)
    {
        member.Status = SiloStatus.Dead;
        return member;
    }
}
