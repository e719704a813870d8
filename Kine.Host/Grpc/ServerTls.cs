using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
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
    private FileTimes _times;

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
        _times = ReadTimes();
        _options = Load();
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
                var times = ReadTimes();
                if (times != _times)
                    Renew(times);
            }

            // Kestrel writes the protocols into what it gets.
            return new SslServerAuthenticationOptions
            {
                ServerCertificateContext = _options.ServerCertificateContext,
                ClientCertificateRequired = _options.ClientCertificateRequired,
                CertificateChainPolicy = _options.CertificateChainPolicy,
                CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
            };
        }
    }

    private void Renew(FileTimes times)
    {
        try
        {
            _options = Load();
            _times = times;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            _warn($"the renewed TLS files cannot be used, the old ones stay: {e.Message}");
        }
    }

    private FileTimes ReadTimes() => new(
        File.GetLastWriteTimeUtc(_certificateFile),
        File.GetLastWriteTimeUtc(_keyFile),
        _trustedCaFile is null ? default : File.GetLastWriteTimeUtc(_trustedCaFile));

    private SslServerAuthenticationOptions Load()
    {
        var certificate = X509Certificate2.CreateFromPemFile(_certificateFile, _keyFile);
        var chain = new X509Certificate2Collection();
        chain.ImportFromPemFile(_certificateFile);
        var options = new SslServerAuthenticationOptions
        {
            ServerCertificateContext = SslStreamCertificateContext.Create(certificate, chain, offline: true),
        };
        if (_trustedCaFile is not null)
        {
            var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            policy.CustomTrustStore.ImportFromPemFile(_trustedCaFile);
            if (policy.CustomTrustStore.Count == 0)
                throw new CryptographicException($"{_trustedCaFile} holds no certificate");
            // A client's certificate has to say that it is for clients, as Go asks for too.
            policy.ApplicationPolicy.Add(new Oid("1.3.6.1.5.5.7.3.2"));
            options.ClientCertificateRequired = true;
            options.CertificateChainPolicy = policy;
        }

        return options;
    }

    private readonly record struct FileTimes(DateTime Certificate, DateTime Key, DateTime TrustedCa);
}
