using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Kine.Backends.Tls;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace Kine.Host.Grpc;

/// <summary>
/// The listener's TLS: certificate chain and key from PEM files, and with a CA file only clients that show a certificate of that CA. Renewed files are
/// taken up without a restart.
/// </summary>
internal sealed class ServerTls
{
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(5); // between looks at the files

    private readonly string _certificateFile;
    private readonly string _keyFile;
    private readonly string? _trustedCaFile;
    private readonly TimeProvider _time;
    private readonly Action<string> _warn;
    private readonly Lock _lock = new(); // guards the three below
    private SslServerAuthenticationOptions _options;
    private long _lookedAt;
    private Files _files;

    /// <summary>Loads the files.</summary>
    /// <param name="certificateFile">PEM: the server's certificate, then the ones above it.</param>
    /// <param name="keyFile">PEM: its private key.</param>
    /// <param name="trustedCaFile">PEM: the CAs whose clients may connect; null = any client.</param>
    /// <param name="time">For looking at the files again.</param>
    /// <param name="warn">Told when renewed files cannot be used; the old ones stay in use.</param>
    /// <exception cref="IOException">A file cannot be read.</exception>
    /// <exception cref="CryptographicException">A file is not what it should be.</exception>
    public ServerTls(string certificateFile, string keyFile, string? trustedCaFile, TimeProvider time, Action<string> warn)
    {
        _certificateFile = certificateFile;
        _keyFile = keyFile;
        _trustedCaFile = trustedCaFile;
        _time = time;
        _warn = warn;
        _files = Read();
        _options = Load(_files);
        _lookedAt = time.GetTimestamp();
    }

    /// <summary>For Kestrel; the protocol negotiation is its own.</summary>
    public TlsHandshakeCallbackOptions Callback => new() { OnConnection = _ => ValueTask.FromResult(Current()) };

    private SslServerAuthenticationOptions Current()
    {
        lock (_lock)
        {
            if (_time.GetElapsedTime(_lookedAt) >= LookInterval)
            {
                _lookedAt = _time.GetTimestamp();
                Renew();
            }

            // Kestrel writes the protocols into what it gets.
            return new SslServerAuthenticationOptions
            {
                ServerCertificateContext = _options.ServerCertificateContext,
                ClientCertificateRequired = _options.ClientCertificateRequired,
                CertificateChainPolicy = _options.CertificateChainPolicy,
                RemoteCertificateValidationCallback = _options.RemoteCertificateValidationCallback,
                CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
                AllowTlsResume = _options.AllowTlsResume,
            };
        }
    }

    private void Renew()
    {
        try
        {
            var files = Read();
            if (files == _files)
                return;

            _options = Load(files);
            _files = files;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            _warn($"the renewed TLS files cannot be used, the old ones stay: {e.Message}");
        }
    }

    // Their content tells of a change: times do not where a file is reached over links, as those of a Kubernetes Secret are.
    private Files Read() => new(
        File.ReadAllText(_certificateFile), File.ReadAllText(_keyFile), _trustedCaFile is null ? null : File.ReadAllText(_trustedCaFile));

    private SslServerAuthenticationOptions Load(Files files)
    {
        var certificate = X509Certificate2.CreateFromPem(files.Certificate, files.Key);
        var chain = new X509Certificate2Collection();
        chain.ImportFromPem(files.Certificate);
        var options = new SslServerAuthenticationOptions
        {
            ServerCertificateContext = SslStreamCertificateContext.Create(certificate, chain, offline: true),
        };
        if (files.TrustedCa is not null)
        {
            var trust = CertificateTrust.Parse(files.TrustedCa, _trustedCaFile!, CertificateTrust.ClientUsage);
            options.ClientCertificateRequired = true;
            options.AllowTlsResume = false; // a session that goes on has the client's certificate without those above it
            options.CertificateChainPolicy = CertificateTrust.NoPathOfItsOwn;
            options.RemoteCertificateValidationCallback = (_, shown, sent, _) =>
                shown is X509Certificate2 client && trust.Refusal(client, sent, host: null) is null;
        }

        return options;
    }

    private sealed record Files(string Certificate, string Key, string? TrustedCa);
}
