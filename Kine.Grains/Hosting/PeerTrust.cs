using System.Net;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging;
using Orleans.Runtime;

namespace Kine.Grains.Hosting;

/// <summary>Who the other end of a connection between processes is: whom the store's membership says.</summary>
internal sealed class PeerTrust(IMembershipTable table, TimeProvider time, ILogger<PeerTrust> log)
{
    private const int MostReads = 3; // one after the other, for somebody who is not there yet
    private static readonly TimeSpan LeastPause = TimeSpan.FromSeconds(1);

    private readonly SemaphoreSlim _reading = new(1, 1);
    private IReadOnlyList<MembershipEntry> _members = [];
    private long _readAt; // 0 = never

    /// <summary>True when a living silo may show the certificate.</summary>
    /// <param name="certificate">What the other end showed.</param>
    /// <param name="dialled">The address that was connected to; null when the other end has connected.</param>
    /// <param name="cancellationToken">Ends the wait for the store.</param>
    public async Task<bool> Knows(X509Certificate2? certificate, IPEndPoint? dialled, CancellationToken cancellationToken)
    {
        if (certificate is null)
            return false;

        // It may have joined a moment ago, or be about to.
        for (var reads = 0; reads < MostReads && !IsMember(certificate, dialled); reads++)
            await ReadAgain(cancellationToken);

        return IsMember(certificate, dialled);
    }

    // Strangers must not cost the store more than a read a second.
    private async Task ReadAgain(CancellationToken cancellationToken)
    {
        var asked = time.GetTimestamp();
        await _reading.WaitAsync(cancellationToken);
        try
        {
            if (_readAt <= asked)
                await Read(cancellationToken);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            log.LogDebug(error, "The members of the cluster could not be read");
        }
        finally
        {
            _reading.Release();
        }
    }

    private async Task Read(CancellationToken cancellationToken)
    {
        if (_readAt != 0 && LeastPause - time.GetElapsedTime(_readAt) is { } pause && pause > TimeSpan.Zero)
            await Task.Delay(pause, time, cancellationToken);

        _readAt = time.GetTimestamp();
        Volatile.Write(ref _members, [.. (await table.ReadAllAsync(cancellationToken)).Members.Select(static member => member.Item1)]);
    }

    private bool IsMember(X509Certificate2 certificate, IPEndPoint? dialled) => Volatile.Read(ref _members).Any(member =>
        member.Status != SiloStatus.Dead
        && (dialled is null || member.SiloAddress.Endpoint.Equals(dialled))
        && PeerName.Parse(member.SiloName)?.Fingerprint == PeerName.FingerprintOf(certificate));
}
