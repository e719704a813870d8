using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Kine.Backends.Tls;

namespace Kine.Grains.Hosting;

/// <summary>What this process shows to the others: a certificate with a key of its own, made at its start and never written down. The store vouches for it.</summary>
internal sealed class PeerIdentity : IDisposable
{
    public PeerIdentity()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=kine", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(
            new X509EnhancedKeyUsageExtension([new Oid(CertificateTrust.ServerUsage), new Oid(CertificateTrust.ClientUsage)], critical: false));

        // It ends with the process; clocks of machines may differ by any time.
        Certificate = request.CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UtcNow.AddYears(100));
    }

    /// <summary>With its key.</summary>
    public X509Certificate2 Certificate { get; }

    public void Dispose() => Certificate.Dispose();
}
