using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Runtime;

namespace Kine.Grains.Hosting;

/// <summary>Tells in the log which processes come and go.</summary>
internal sealed class PeerNews(IClusterMembershipService membership, ILocalSiloDetails own, ILogger<PeerNews> log) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var known = new Dictionary<SiloAddress, SiloStatus>();
        await foreach (var snapshot in membership.MembershipUpdates.WithCancellation(stoppingToken))
        {
            var living = snapshot.Members.Values.Count(static member => member.Status == SiloStatus.Active);
            foreach (var member in snapshot.Members.Values.Where(member => !member.SiloAddress.Equals(own.SiloAddress)))
            {
                var before = known.GetValueOrDefault(member.SiloAddress);
                known[member.SiloAddress] = member.Status;
                if (member.Status == before)
                    continue;

                if (member.Status == SiloStatus.Active)
                    log.LogInformation("The process at {Address} is there: {Count} are on this store", member.SiloAddress.Endpoint, living);
                else if (member.Status == SiloStatus.Dead && before == SiloStatus.Joining)
                    log.LogWarning("The process at {Address} wanted to join, but could not be reached there", member.SiloAddress.Endpoint);
                else if (member.Status == SiloStatus.Dead && before == SiloStatus.Active)
                    log.LogWarning("The process at {Address} did not answer any more: {Count} are on this store", member.SiloAddress.Endpoint, living);
                else if (member.Status.IsTerminating() && before == SiloStatus.Active)
                    log.LogInformation("The process at {Address} leaves: {Count} are on this store", member.SiloAddress.Endpoint, living);
            }
        }
    }
}
