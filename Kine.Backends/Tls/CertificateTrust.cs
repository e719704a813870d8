using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Kine.Backends.Tls;

/// <summary>
/// Whom to trust at the other end of a TLS connection, by the rules of Go's crypto/x509, which certificates for etcd and upstream kine are made by: any
/// certificate of the CA file is an anchor, a root or not; what a certificate is for may be "anything"; a host's name stands among the alternative names; a
/// signature by SHA-1 counts for nothing.
/// </summary>
/// <param name="anchors">Certificates that are trusted; null = the system's authorities.</param>
/// <param name="usage">OID of what the certificate has to be for.</param>
public sealed class CertificateTrust(X509Certificate2Collection? anchors, string usage)
{
    /// <summary>A certificate's use: a server shows it.</summary>
    public const string ServerUsage = "1.3.6.1.5.5.7.3.1";

    /// <summary>A certificate's use: a client shows it.</summary>
    public const string ClientUsage = "1.3.6.1.5.5.7.3.2";

    private const string AnyUsage = "2.5.29.37.0";
    private const string Unknown = "is not by an authority that is trusted";

    // RSA, its PSS, and ECDSA with SHA-256, -384 and -512; Ed25519.
    private static readonly string[] Signatures =
    [
        "1.2.840.113549.1.1.11", "1.2.840.113549.1.1.12", "1.2.840.113549.1.1.13", "1.2.840.113549.1.1.10",
        "1.2.840.10045.4.3.2", "1.2.840.10045.4.3.3", "1.2.840.10045.4.3.4", "1.3.101.112",
    ];

    /// <summary>Reads the certificates of a CA file.</summary>
    /// <param name="caFile">PEM.</param>
    /// <param name="usage">OID of what a certificate has to be for.</param>
    /// <exception cref="IOException">It cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    /// <exception cref="CryptographicException">It holds no certificate, or a broken one.</exception>
    public static CertificateTrust Read(string caFile, string usage) => Parse(File.ReadAllText(caFile), caFile, usage);

    /// <summary>The same, of what such a file holds.</summary>
    public static CertificateTrust Parse(string pem, string caFile, string usage)
    {
        var anchors = new X509Certificate2Collection();
        anchors.ImportFromPem(pem);
        return anchors.Count > 0 ? new CertificateTrust(anchors, usage) : throw new CryptographicException($"{caFile} holds no certificate");
    }

    /// <summary>For the library: it would look for a path by its own rules before it asks, and go to the network for what is missing.</summary>
    public static X509ChainPolicy NoPathOfItsOwn => new()
    {
        TrustMode = X509ChainTrustMode.CustomRootTrust,
        RevocationMode = X509RevocationMode.NoCheck,
        DisableCertificateDownloads = true,
    };

    /// <summary>Why the other end is not trusted, to go behind "the certificate (...)"; null when it is.</summary>
    /// <param name="shown">What it showed.</param>
    /// <param name="sent">The library's chain, which holds what else it sent.</param>
    /// <param name="host">Name or address that the certificate has to be for; null = any.</param>
    public string? Refusal(X509Certificate2 shown, X509Chain? sent, string? host)
    {
        if (host is not null && !IsFor(shown, host.TrimEnd('.')))
            return $"is not for {host}";

        if (anchors is null)
            return PathFault(shown, sent, null);

        // One by one: of two authorities of one name, as an authority and its successor are, a path is only looked for to the first.
        // A path costs a millisecond, and a file may hold hundreds of authorities: only to those that signed something here.
        var issuers = (sent?.ChainPolicy.ExtraStore ?? []).Append(shown).Select(static certificate => certificate.IssuerName.RawData).ToArray();
        var refusal = Unknown;
        foreach (var anchor in anchors.Where(anchor => IsSame(anchor, shown) || issuers.Any(anchor.SubjectName.RawData.SequenceEqual)))
        {
            if (PathFault(shown, sent, anchor) is not { } fault)
                return null;

            refusal = refusal == Unknown ? fault : refusal;
        }

        return refusal;
    }

    private static bool IsFor(X509Certificate2 certificate, string host)
    {
        try
        {
            return certificate.MatchesHostname(host, allowCommonName: false);
        }
        catch (ArgumentException) // no name of a host
        {
            return false;
        }
    }

    // Equals looks at issuer and number alone.
    private static bool IsSame(X509Certificate2 one, X509Certificate2 other) => one.RawDataMemory.Span.SequenceEqual(other.RawDataMemory.Span);

    private string? PathFault(X509Certificate2 shown, X509Chain? sent, X509Certificate2? anchor)
    {
        using var chain = new X509Chain { ChainPolicy = NoPathOfItsOwn };
        if (anchor is null)
        {
            chain.ChainPolicy.TrustMode = X509ChainTrustMode.System;
        }
        else
        {
            // An anchor that is no root ends the path before a root is reached.
            chain.ChainPolicy.VerificationFlags = X509VerificationFlags.AllowUnknownCertificateAuthority;
            chain.ChainPolicy.CustomTrustStore.Add(anchor);
        }
        if (sent is not null)
            chain.ChainPolicy.ExtraStore.AddRange(sent.ChainPolicy.ExtraStore);

        chain.Build(shown);
        var path = chain.ChainElements.ToArray();
        if (anchor is not null)
            path = path[..(Array.FindIndex(path, element => IsSame(element.Certificate, anchor)) + 1)];

        for (var i = 0; i < path.Length; i++)
        {
            if (Fault(path[i], isAnchor: i == path.Length - 1) is { } fault)
                return i == 0 || fault == Unknown ? fault : $"is by an authority ({path[i].Certificate.Subject}) whose certificate {fault}";
        }

        return path.Length > 0 ? null : Unknown;
    }

    /// <summary>For a client's end of a connection. What it gives throws <see cref="AuthenticationException"/> with the reason when the server is not trusted.</summary>
    /// <param name="host">Name or address that the server's certificate has to be for; null = any.</param>
    public RemoteCertificateValidationCallback Check(string? host) => (_, shown, sent, _) => shown is not X509Certificate2 certificate
        ? throw new AuthenticationException("the server shows no certificate")
        : Refusal(certificate, sent, host) is { } reason
            ? throw new AuthenticationException($"the server's certificate ({certificate.Subject}) {reason}")
            : true;

    private string? Fault(X509ChainElement element, bool isAnchor)
    {
        foreach (var status in element.ChainElementStatus)
        {
            var endsThere = status.Status is X509ChainStatusFlags.PartialChain or X509ChainStatusFlags.UntrustedRoot;
            if (endsThere && anchors is null)
                return Unknown;

            if (status.Status != X509ChainStatusFlags.NoError && !(endsThere && isAnchor))
                return $"is not valid: {status.StatusInformation}";
        }

        if (!isAnchor && !Signatures.Contains(element.Certificate.SignatureAlgorithm.Value))
            return $"is signed by {element.Certificate.SignatureAlgorithm.FriendlyName}, which counts for nothing";

        var usages = element.Certificate.Extensions.OfType<X509EnhancedKeyUsageExtension>().FirstOrDefault()?.EnhancedKeyUsages;
        return usages is null || usages[usage] is not null || usages[AnyUsage] is not null
            ? null
            : $"is not for {(usage == ServerUsage ? "servers" : "clients")}";
    }
}
