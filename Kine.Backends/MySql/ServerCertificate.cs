using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Kine.Backends.Endpoints;
using Kine.Backends.Tls;

namespace Kine.Backends.MySql;

/// <summary>Checks the server's certificate and loads our own. Files are read for each connection, so that renewed ones count.</summary>
internal sealed class ServerCertificate(MySqlOptions options)
{
    private readonly StoreSettings _files = options.Settings;

    /// <summary>True when the certificate is the named server's, by one of the authorities. Throws <see cref="LoginRefusedException"/> with the reason otherwise.</summary>
    public bool Check(object sender, X509Certificate? certificate, X509Chain? sent, SslPolicyErrors errors)
    {
        if (certificate is not X509Certificate2 shown)
            throw new LoginRefusedException("the server shows no certificate");

        CertificateTrust? trust = null;
        if (_files.CaFile.Length > 0)
            Load(() => trust = CertificateTrust.Read(_files.CaFile, CertificateTrust.ServerUsage), _files.CaFile);

        trust ??= new CertificateTrust(null, CertificateTrust.ServerUsage);
        return trust.Refusal(shown, sent, options.Host) is { } reason
            ? throw new LoginRefusedException($"the server's certificate ({shown.Subject}) {reason}")
            : true;
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
