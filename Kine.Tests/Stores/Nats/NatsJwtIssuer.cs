using System.Buffers.Text;
using System.Numerics;
using System.Security.Cryptography;
using System.Text;
using Kine.Backends.Nats;

namespace Kine.Tests.Stores.Nats;

/// <summary>An operator with an account and the system account, whose signed tokens a nats-server trusts (NATS decentralized authentication, JWT version 2).</summary>
internal sealed class NatsJwtIssuer
{
    private const int OperatorKind = 14 << 3;
    private const int AccountKind = 0;
    private const int UserKind = 20 << 3;
    private const string AccountLimits =
        """{"subs":-1,"data":-1,"payload":-1,"imports":-1,"exports":-1,"wildcards":true,"conn":-1,"leaf":-1,"mem_storage":-1,"disk_storage":-1,"streams":-1,"consumer":-1}""";

    private const string SystemLimits = """{"subs":-1,"data":-1,"payload":-1,"imports":-1,"exports":-1,"wildcards":true,"conn":-1,"leaf":-1}""";

    private readonly Pair _operator = new(OperatorKind);
    private readonly Pair _account = new(AccountKind);
    private readonly Pair _system = new(AccountKind);

    /// <summary>What the server needs to know.</summary>
    public string ServerConfiguration => $$"""
        operator: "{{Sign(_operator, _operator, "operator", "")}}"
        system_account: "{{_system.Public}}"
        resolver: MEMORY
        resolver_preload: {
          {{_account.Public}}: "{{Sign(_operator, _account, "account", $",\"limits\":{AccountLimits}")}}"
          {{_system.Public}}: "{{Sign(_operator, _system, "account", $",\"limits\":{SystemLimits}")}}"
        }
        """;

    /// <summary>A credentials file of a new user of the account.</summary>
    public string UserCredentials()
    {
        var user = new Pair(UserKind);
        return $"""
            -----BEGIN NATS USER JWT-----
            {Sign(_account, user, "user", ",\"subs\":-1,\"data\":-1,\"payload\":-1,\"pub\":{},\"sub\":{}")}
            ------END NATS USER JWT------

            -----BEGIN USER NKEY SEED-----
            {user.Seed}
            ------END USER NKEY SEED------

            """;
    }

    private static string Sign(Pair issuer, Pair subject, string kind, string more)
    {
        var claims = $$$"""
            {"jti":"{{{Guid.NewGuid():N}}}","iat":1700000000,"iss":"{{{issuer.Public}}}","name":"test","sub":"{{{subject.Public}}}","nats":{"type":"{{{kind}}}","version":2{{{more}}}}}
            """;
        var text = $"{Base64Url.EncodeToString("""{"typ":"JWT","alg":"ed25519-nkey"}"""u8)}.{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(claims))}";
        return $"{text}.{Base64Url.EncodeToString(issuer.Sign(Encoding.ASCII.GetBytes(text)))}";
    }

    /// <summary>An Ed25519 pair in the text form of NKeys; signs as RFC 8032 says.</summary>
    private sealed class Pair
    {
        private static readonly BigInteger Order = (BigInteger.One << 252) + BigInteger.Parse("27742317777372353535851937790883648493");
        private readonly byte[] _hash;
        private readonly byte[] _public;

        public Pair(int kind)
        {
            var seed = RandomNumberGenerator.GetBytes(32);
            _hash = SHA512.HashData(seed);
            _public = Ed25519.PublicKey(seed);
            Seed = NKey.Text([(byte)((18 << 3) | (kind >> 5)), (byte)((kind & 31) << 3), .. seed]);
            Public = NKey.PublicKey(Seed)!;
        }

        public string Seed { get; }

        public string Public { get; }

        public byte[] Sign(byte[] message)
        {
            var nonce = Number(SHA512.HashData([.. _hash[32..], .. message])) % Order;
            var point = Ed25519.BaseTimes(nonce);
            var challenge = Number(SHA512.HashData([.. point, .. _public, .. message])) % Order;
            var scalar = new byte[32];
            ((nonce + (challenge * Ed25519.Scalar(_hash))) % Order).TryWriteBytes(scalar, out _, isUnsigned: true);
            return [.. point, .. scalar];
        }

        private static BigInteger Number(byte[] littleEndian) => new(littleEndian, isUnsigned: true);
    }
}
