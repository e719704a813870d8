using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Kine.Backends.Tls;

namespace Kine.Tests.Tls;

/// <summary>The rules of Go's crypto/x509, one by one.</summary>
public sealed class CertificateTrustTests : IDisposable
{
    private const string AnyUsage = "2.5.29.37.0";
    private static readonly DateTimeOffset Start = DateTimeOffset.UtcNow.AddHours(-1);
    private static readonly DateTimeOffset End = DateTimeOffset.UtcNow.AddHours(1);
    private readonly RSA _key = RSA.Create(2048);
    private readonly X509Certificate2 _root;
    private readonly X509Certificate2 _intermediate;

    public CertificateTrustTests()
    {
        _root = Authority("root").CreateSelfSigned(Start, End);
        _intermediate = Signed(Authority("intermediate"), _root).CopyWithPrivateKey(_key);
    }

    public void Dispose()
    {
        _key.Dispose();
        _root.Dispose();
        _intermediate.Dispose();
    }

    [Fact]
    public void A_certificate_by_the_authority_is_trusted_and_one_by_another_is_not()
    {
        using var other = OtherKey("other").CreateSelfSigned(Start, End);

        Assert.Null(Refusal(Leaf(_root), [_root]));
        Assert.Equal("is not by an authority that is trusted", Refusal(Leaf(_root), [other]));
        Assert.Equal("is not by an authority that is trusted", Refusal(Leaf(_intermediate), [_root]));
    }

    [Fact]
    public void An_authority_and_its_successor_of_the_same_name_are_both_trusted()
    {
        using var successor = OtherKey("root").CreateSelfSigned(Start, End);

        Assert.Null(Refusal(Leaf(_root), [successor, _root]));
        Assert.Null(Refusal(Leaf(_root), [_root, successor]));
        Assert.StartsWith("is not valid: ", Refusal(Leaf(_root), [successor]), StringComparison.Ordinal);
    }

    [Fact]
    public void An_anchor_may_be_an_intermediate_or_the_certificate_itself()
    {
        var leaf = Leaf(_intermediate);

        Assert.Null(Refusal(leaf, [_intermediate]));
        Assert.Null(Refusal(leaf, [leaf]));
    }

    [Fact]
    public void A_path_is_found_over_what_the_other_end_sent()
    {
        using var sent = new X509Chain();
        sent.ChainPolicy.ExtraStore.Add(_intermediate);

        Assert.Null(new CertificateTrust([_root], CertificateTrust.ServerUsage).Refusal(Leaf(_intermediate), sent, null));
    }

    [Theory]
    [InlineData(null, null)]
    [InlineData(AnyUsage, null)]
    [InlineData(CertificateTrust.ServerUsage, null)]
    [InlineData(CertificateTrust.ClientUsage, "is not for servers")]
    public void A_certificate_says_what_it_is_for_or_nothing_or_anything(string? usage, string? refusal) =>
        Assert.Equal(refusal, Refusal(Leaf(_root, usage), [_root]));

    [Fact]
    public void A_host_is_named_among_the_alternative_names_and_nowhere_else()
    {
        var trust = new CertificateTrust([_root], CertificateTrust.ServerUsage);

        Assert.Null(trust.Refusal(Leaf(_root), null, "db.example"));
        Assert.Null(trust.Refusal(Leaf(_root), null, "db.example."));
        Assert.Null(trust.Refusal(Leaf(_root), null, "127.0.0.1"));
        Assert.Equal("is not for leaf", trust.Refusal(Leaf(_root), null, "leaf"));
        Assert.Equal("is not for my_db", trust.Refusal(Leaf(_root), null, "my_db"));
        Assert.Equal("is not for not a name", trust.Refusal(Leaf(_root), null, "not a name"));
    }

    [Fact]
    public void A_signature_by_SHA_1_counts_for_nothing()
    {
        var request = Request("leaf");
        using var leaf = request.Create(_root.SubjectName, new Sha1Signature(_key), Start, End, [1]);

        Assert.StartsWith("is signed by sha1", Refusal(leaf, [_root]), StringComparison.Ordinal);
    }

    [Fact]
    public void What_has_expired_is_not_trusted_be_it_the_anchor()
    {
        var past = DateTimeOffset.UtcNow.AddMinutes(-1);
        using var expired = Request("leaf").Create(_root, Start, past, [1]);
        using var expiredRoot = Authority("root").CreateSelfSigned(Start, past);

        Assert.StartsWith("is not valid: ", Refusal(expired, [_root]), StringComparison.Ordinal);
        Assert.Contains("(CN=root) whose certificate is not valid", Refusal(Leaf(_root), [expiredRoot]), StringComparison.Ordinal);
    }

    [Fact]
    public void A_certificate_that_is_no_authority_s_signs_nothing()
    {
        using var noAuthority = Signed(Request("no authority"), _root).CopyWithPrivateKey(_key);
        using var leaf = Request("leaf").Create(noAuthority.SubjectName, X509SignatureGenerator.CreateForRSA(_key, RSASignaturePadding.Pkcs1), Start, End, [1]);

        Assert.NotNull(Refusal(leaf, [noAuthority]));
    }

    private static string? Refusal(X509Certificate2 leaf, X509Certificate2Collection anchors) =>
        new CertificateTrust(anchors, CertificateTrust.ServerUsage).Refusal(leaf, null, null);

    private X509Certificate2 Leaf(X509Certificate2 issuer, string? usage = null)
    {
        var request = Request("leaf");
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("db.example");
        names.AddIpAddress(System.Net.IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        if (usage is not null)
            request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(usage)], false));

        return Signed(request, issuer);
    }

    private CertificateRequest Authority(string name)
    {
        var request = Request(name);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        return request;
    }

    private static CertificateRequest OtherKey(string name)
    {
        var request = new CertificateRequest($"CN={name}", RSA.Create(2048), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        return request;
    }

    private CertificateRequest Request(string name) => new($"CN={name}", _key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);

    private static X509Certificate2 Signed(CertificateRequest request, X509Certificate2 issuer) => request.Create(issuer, Start, End, [1]);

    // sha1WithRSAEncryption, which .NET itself no longer signs certificates by.
    private sealed class Sha1Signature(RSA key) : X509SignatureGenerator
    {
        public override byte[] GetSignatureAlgorithmIdentifier(HashAlgorithmName hashAlgorithm) =>
            [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05, 0x05, 0x00];

        public override byte[] SignData(byte[] data, HashAlgorithmName hashAlgorithm) => key.SignData(data, HashAlgorithmName.SHA1, RSASignaturePadding.Pkcs1);

        protected override PublicKey BuildPublicKey() => PublicKey.CreateFromSubjectPublicKeyInfo(key.ExportSubjectPublicKeyInfo(), out _);
    }
}
