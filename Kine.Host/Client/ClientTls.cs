using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Kine.Host.Client;

/// <summary>Certificates of a client, from etcdctl's four options.</summary>
/// <param name="Certificate">The client's own, with its key, or null.</param>
/// <param name="ServerCheck">Own check of the server's certificate; null = the machine's trust.</param>
internal sealed record ClientTls(X509Certificate2? Certificate, RemoteCertificateValidationCallback? ServerCheck)
{
    /// <summary>No certificate, and the machine's trust.</summary>
    public static ClientTls None { get; } = new(null, null);

    /// <summary>Reads the files (PEM); null = none.</summary>
    /// <exception cref="FormatException">One of them cannot be read; the message is a sentence for people.</exception>
    public static ClientTls Read(string? caFile, string? certFile, string? keyFile, bool skipVerify)
    {
        if (certFile is null != keyFile is null)
            throw new FormatException("--cert and --key belong together");

        try
        {
            return new ClientTls(
                certFile is null ? null : X509Certificate2.CreateFromPemFile(certFile, keyFile),
                skipVerify ? (_, _, _, _) => true : TrustOnly(caFile));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new FormatException($"certificate cannot be read: {error.Message}", error);
        }
    }

    private static RemoteCertificateValidationCallback? TrustOnly(string? caFile)
    {
        if (caFile is null)
            return null;

        var trusted = new X509Certificate2Collection();
        trusted.ImportFromPemFile(caFile);
        return (_, certificate, chain, errors) =>
        {
            if (certificate is null || chain is null || (errors & SslPolicyErrors.RemoteCertificateNameMismatch) != 0)
                return false;

            chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
            chain.ChainPolicy.CustomTrustStore.AddRange(trusted);
            chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
            return chain.Build(new X509Certificate2(certificate));
        };
    }
}
