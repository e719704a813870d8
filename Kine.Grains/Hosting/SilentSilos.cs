using System.Net;
using System.Net.Sockets;
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
        var start = time.GetTimestamp();
        var told = false;
        while (true)
        {
            var found = await table.ReadAllAsync(cancellationToken);
            var doubtful = found.Members.Where(member => IsDoubtful(member.Item1, seen)).ToList();
            if (doubtful.Count == 0)
                return;

            if (!told && time.GetElapsedTime(start) > SignOfLife + Look)
            {
                told = true;
                log.LogInformation(
                    "Waiting up to {Seconds} s for a sign of life of the process at {Address}",
                    (int)Patience.TotalSeconds, string.Join(", ", doubtful.Select(member => member.Item1.SiloAddress.Endpoint)));
            }

            var silent = await Gone(doubtful, cancellationToken) ?? doubtful.Find(member => time.GetElapsedTime(seen[member.Item1.SiloAddress].Since) > Patience);
            if (silent is null)
                await Task.Delay(Look, time, cancellationToken);
            else if (await table.UpdateRowAsync(Dead(silent.Item1), silent.Item2, found.Version.Next(), cancellationToken))
                log.LogInformation("The process at {Address} had ended without a word", silent.Item1.SiloAddress.Endpoint);
        }
    }

    private bool IsDoubtful(MembershipEntry member, Dictionary<SiloAddress, (DateTime Sign, long Since)> seen)
    {
        var hasOwnAddress = member.SiloAddress.Endpoint.Equals(own);
        if (member.Status != SiloStatus.Active || (hasOwnAddress && PeerName.Parse(member.SiloName)?.Host == PeerName.OwnHost))
            return false;

        seen.TryAdd(member.SiloAddress, (member.IAmAliveTime, time.GetTimestamp()));
        var doubtful = seen[member.SiloAddress].Sign == member.IAmAliveTime;
        return doubtful || !hasOwnAddress
            ? doubtful
            : throw new StartException(
                $"a process on host {PeerName.Parse(member.SiloName)?.Host} has the same address, {own}, as this one: name one where the others reach this process by --peer-advertise-address");
    }

    // On this host, a port that nobody listens on tells enough.
    private async Task<Tuple<MembershipEntry, string>?> Gone(List<Tuple<MembershipEntry, string>> doubtful, CancellationToken cancellationToken)
    {
        foreach (var member in doubtful.Where(member =>
            member.Item1.SiloAddress.Endpoint.Address.Equals(own.Address) && PeerName.Parse(member.Item1.SiloName)?.Host == PeerName.OwnHost))
        {
            using var socket = new Socket(own.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                await socket.ConnectAsync(member.Item1.SiloAddress.Endpoint, cancellationToken);
            }
            catch (SocketException refused) when (refused.SocketErrorCode == SocketError.ConnectionRefused)
            {
                return member;
            }
            catch (SocketException)
            {
                // That tells nothing.
            }
        }

        return null;
    }

    private static MembershipEntry Dead(MembershipEntry member)
    {
        member.Status = SiloStatus.Dead;
        return member;
    }
}
