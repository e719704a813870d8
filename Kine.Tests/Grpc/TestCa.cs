using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Kine.Tests.Grpc;

/// <summary>A certificate authority in a folder.</summary>
internal sealed class TestCa : IDisposable
{
    private const string ServerAuth = "1.3.6.1.5.5.7.3.1";
    private const string ClientAuth = "1.3.6.1.5.5.7.3.2";

    private readonly string _folder;
    private readonly X509Certificate2 _root;

    /// <summary>Makes one.</summary>
    /// <param name="folder">Its folder.</param>
    /// <param name="parent">Who signs its certificate; null = itself.</param>
    public TestCa(string folder, TestCa? parent = null)
    {
        _folder = folder;
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN=test ca {Guid.NewGuid():N}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        if (parent is null)
        {
            _root = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddDays(1));
        }
        else
        {
            using var signed = request.Create(parent._root, parent._root.NotBefore, parent._root.NotAfter, RandomNumberGenerator.GetBytes(8));
            _root = signed.CopyWithPrivateKey(key);
        }

        File = Path.Combine(folder, "ca.crt");
        System.IO.File.WriteAllText(File, _root.ExportCertificatePem());
    }

    /// <summary>The CA's own certificate.</summary>
    public string File { get; }

    /// <summary>Writes a new certificate for localhost and its key.</summary>
    public (string Certificate, string Key) Issue(string name, bool serverAuth)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(serverAuth ? ServerAuth : ClientAuth)], false));
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        using var certificate = request.Create(_root, _root.NotBefore, _root.NotAfter, RandomNumberGenerator.GetBytes(8));
        var files = (Path.Combine(_folder, name + ".crt"), Path.Combine(_folder, name + ".key"));
        System.IO.File.WriteAllText(files.Item1, certificate.ExportCertificatePem());
        System.IO.File.WriteAllText(files.Item2, key.ExportPkcs8PrivateKeyPem());
        return files;
    }

    /// <summary>A client's certificate with its key.</summary>
    public X509Certificate2 IssueLoaded(string name)
    {
        var (certificate, key) = Issue(name, serverAuth: false);
        return X509Certificate2.CreateFromPemFile(certificate, key);
    }

    /// <summary>A server's certificate with its key.</summary>
    public X509Certificate2 IssueServer(string name)
    {
        var (certificate, key) = Issue(name, serverAuth: true);
        return X509Certificate2.CreateFromPemFile(certificate, key);
    }

    /// <summary>What a client of a server of this CA uses.</summary>
    public SslClientAuthenticationOptions ClientOptions(X509Certificate2? certificate = null)
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.Add(_root);
        var options = new SslClientAuthenticationOptions { CertificateChainPolicy = policy };
        if (certificate is not null)
            options.LocalCertificateSelectionCallback = (_, _, _, _, _) => certificate;

        return options;
    }

    public void Dispose() => _root.Dispose();
}
