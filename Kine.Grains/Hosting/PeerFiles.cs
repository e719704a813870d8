using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Kine.Backends.Tls;

namespace Kine.Grains.Hosting;

/// <summary>Certificates of the user's own for the connections between processes (PEM files); empty = none, and each process makes its own.</summary>
/// <param name="Certificate">What this process shows, with what leads to the authority.</param>
/// <param name="Key">Private key of that.</param>
/// <param name="TrustedCa">Whose certificates the others may show.</param>
public sealed record PeerFiles(string Certificate, string Key, string TrustedCa)
{
    public static PeerFiles None { get; } = new("", "", "");

    /// <summary>True where they take the place of the store's word.</summary>
    public bool Given => Certificate.Length > 0;

    /// <summary>Reads them once.</summary>
    /// <exception cref="StartException">Only some of them are named, or they cannot be used; the message is a sentence for the user.</exception>
    public PeerFiles Check()
    {
        if ((Certificate.Length > 0) != (Key.Length > 0) || (Certificate.Length > 0) != (TrustedCa.Length > 0))
            throw new StartException("--peer-cert-file, --peer-key-file and --peer-trusted-ca-file belong together", wrongSettings: true);

        try
        {
            if (Given)
            {
                using var own = Own();
                CertificateTrust.Read(TrustedCa, CertificateTrust.ClientUsage);
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            throw new StartException($"the certificate files for other processes cannot be used: {error.Message}", wrongSettings: true, error);
        }

        return this;
    }

    /// <summary>What this process shows, with its key.</summary>
    public X509Certificate2 Own() => X509Certificate2.CreateFromPemFile(Certificate, Key);
}
