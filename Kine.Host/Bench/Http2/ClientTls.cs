using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Kine.Host.Bench.Http2;

/// <summary>Certificates of a channel, from etcdctl's four options.</summary>
internal static class ClientTls
{
    /// <summary>Channel options with these files (PEM); null = none.</summary>
    /// <exception cref="FormatException">One of them cannot be read; the message is a sentence for people.</exception>
    public static EtcdChannelOptions Read(string? caFile, string? certFile, string? keyFile, bool skipVerify)
    {
        if (certFile is null != keyFile is null)
        {
            throw new FormatException("--cert and --key belong together");
        }

        try
        {
            return new EtcdChannelOptions
            {
                ClientCertificate = certFile is null ? null : X509Certificate2.CreateFromPemFile(certFile, keyFile),
                ServerCertificateCheck = skipVerify ? (_, _, _, _) => true : TrustOnly(caFile),
            };
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new FormatException($"certificate cannot be read: {error.Message}", error);
        }
    }

    private static RemoteCertificateValidationCallback? TrustOnly(string? caFile)
    {
        if (caFile is null)
        {
            return null;
        }

        var trusted = new X509Certificate2Collection();
        trusted.ImportFromPemFile(caFile);
        return (_, certificate, chain, errors) =>
        {
            if (certificate is null || chain is null || (errors & SslPolicyErrors.RemoteCertificateNameMismatch) != 0)
            {
                return false;
            }

            chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
            chain.ChainPolicy.CustomTrustStore.AddRange(trusted);
            chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
            return chain.Build(new X509Certificate2(certificate));
        };
    }
}
