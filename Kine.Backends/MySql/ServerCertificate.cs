using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Kine.Backends.Endpoints;

namespace Kine.Backends.MySql;

/// <summary>Checks the server's certificate and loads our own. Files are read for each connection, so that renewed ones count.</summary>
internal sealed class ServerCertificate(MySqlOptions options)
{
    private readonly StoreSettings _files = options.Settings;

    /// <summary>True when the certificate is the named server's, by one of the authorities. Throws <see cref="LoginRefusedException"/> with the reason otherwise.</summary>
    public bool Check(object sender, X509Certificate? certificate, X509Chain? sent, SslPolicyErrors errors)
    {
        if (certificate is null || (errors & SslPolicyErrors.RemoteCertificateNotAvailable) != 0)
            throw new LoginRefusedException("the server shows no certificate");

        if ((errors & SslPolicyErrors.RemoteCertificateNameMismatch) != 0)
            throw new LoginRefusedException($"the server's certificate ({certificate.Subject}) is not for {options.Host}");

        if (_files.CaFile.Length == 0)
        {
            return (errors & SslPolicyErrors.RemoteCertificateChainErrors) == 0
                ? true
                : throw new LoginRefusedException($"the server's certificate ({certificate.Subject}) is not by an authority that this system trusts");
        }

        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid("1.3.6.1.5.5.7.3.1")); // server authentication
        Load(() => chain.ChainPolicy.CustomTrustStore.ImportFromPemFile(_files.CaFile), _files.CaFile);
        foreach (var element in sent is null ? [] : sent.ChainElements.ToArray())
            chain.ChainPolicy.ExtraStore.Add(element.Certificate);

        using var leaf = X509CertificateLoader.LoadCertificate(certificate.GetRawCertData());
        return chain.Build(leaf)
            ? true
            : throw new LoginRefusedException(
                $"the server's certificate ({certificate.Subject}) is not by an authority in {_files.CaFile}");
    }

    /// <summary>Adds the client's certificate.</summary>
    public ValueTask AddClient(X509CertificateCollection certificates)
    {
        var key = _files.KeyFile.Length > 0 ? _files.KeyFile : null;
        Load(() => certificates.Add(X509Certificate2.CreateFromPemFile(_files.CertFile, key)), _files.CertFile);
        return default;
    }

    private static void Load(Action load, string file)
    {
        try
        {
            load();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new LoginRefusedException($"{file} cannot be used: {error.Message}", error);
        }
    }
}
