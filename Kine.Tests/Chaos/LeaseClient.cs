using System.Diagnostics;
using Kine.Etcd;
using Kine.Tests.Wire;

namespace Kine.Tests.Chaos;

/// <summary>A client that takes one lease after the other, keeps it alive for a while, and revokes it or leaves it to itself.</summary>
internal sealed class LeaseClient(Endpoints endpoints, Recording recording, int number, Random random) : ChaosClient(endpoints, recording, number, random)
{
    private const int ShortestTtl = 2; // seconds
    private const int MostKeepAlives = 6;
    private const int Unanswered = -1;

    private int _leases;

    public override async Task Run(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
            await OneLease(stop);
    }

    private async Task OneLease(CancellationToken stop)
    {
        var ttl = ShortestTtl + Random.Next(3);
        var sent = Recording.Now;
        (var grant, _) = await Ask((channel, _, cancellation) =>
            channel.Lease.LeaseGrantAsync(new LeaseGrantRequest { TTL = ttl }, cancellationToken: cancellation).ResponseAsync);
        if (grant is null)
            return;

        var lease = new LeaseLife(grant.ID);
        lease.Signs.Add((sent, sent + (grant.TTL * Stopwatch.Frequency)));
        Recording.Add(lease);
        var key = $"{Keys.Leases}{Number}/{_leases++:0000}";
        var value = NewValue();
        var attached = await Take(new Step { Writes = [new Write($"{key}/a", value, lease.Id), new Write($"{key}/b", value, lease.Id)] });
        if (attached.Outcome == Outcome.Refused)
            lease.GoneAt = attached.Returned;

        for (var left = Random.Next(MostKeepAlives); left > 0 && lease.GoneAt == long.MaxValue && !stop.IsCancellationRequested; left--)
        {
            await Task.Delay(TimeSpan.FromSeconds(ttl) / Random.Next(2, 5), CancellationToken.None);
            await KeepAlive(lease);
        }

        if (Random.Next(3) > 0)
            await Revoke(lease);
    }

    private async Task KeepAlive(LeaseLife lease)
    {
        var sent = Recording.Now;
        (var reply, _) = await Ask(async (channel, _, cancellation) =>
        {
            using var call = channel.Lease.LeaseKeepAlive(cancellationToken: cancellation);
            await call.Write(new LeaseKeepAliveRequest { ID = lease.Id }, cancellation);
            return await call.Read(cancellation) ?? new LeaseKeepAliveResponse { TTL = Unanswered };
        });
        if (reply is { TTL: > 0 })
            lease.Signs.Add((sent, sent + (reply.TTL * Stopwatch.Frequency)));
        else if (reply is { TTL: not Unanswered })
            lease.GoneAt = Math.Min(lease.GoneAt, Recording.Now);
    }

    private async Task Revoke(LeaseLife lease)
    {
        var sent = Recording.Now;
        lease.RevokeSent = sent;
        (var reply, var refused) = await Ask((channel, _, cancellation) =>
            channel.Lease.LeaseRevokeAsync(new LeaseRevokeRequest { ID = lease.Id }, cancellationToken: cancellation).ResponseAsync);
        if (reply is not null)
            lease.RevokedAt = reply.Header.Revision;
        else if (refused)
            lease.GoneAt = Math.Min(lease.GoneAt, sent); // this call has not ended it
    }
}
