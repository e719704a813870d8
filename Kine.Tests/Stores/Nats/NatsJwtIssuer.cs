using System.Buffers.Text;
using System.Text;
using NATS.NKeys;

namespace Kine.Tests.Stores.Nats;

/// <summary>An operator with an account and the system account, whose signed tokens a nats-server trusts (NATS decentralized authentication, JWT version 2).</summary>
internal sealed class NatsJwtIssuer
{
    private const string AccountLimits =
        """{"subs":-1,"data":-1,"payload":-1,"imports":-1,"exports":-1,"wildcards":true,"conn":-1,"leaf":-1,"mem_storage":-1,"disk_storage":-1,"streams":-1,"consumer":-1}""";

    private const string SystemLimits = """{"subs":-1,"data":-1,"payload":-1,"imports":-1,"exports":-1,"wildcards":true,"conn":-1,"leaf":-1}""";

    private readonly Pair _operator = new(PrefixByte.Operator);
    private readonly Pair _account = new(PrefixByte.Account);
    private readonly Pair _system = new(PrefixByte.Account);

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
        var user = new Pair(PrefixByte.User);
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

    private sealed class Pair
    {
        private readonly KeyPair _pair;

        public Pair(PrefixByte kind)
        {
            _pair = KeyPair.CreatePair(kind);
            Seed = _pair.GetSeed();
            Public = _pair.GetPublicKey();
        }

        public string Seed { get; }

        public string Public { get; }

        public byte[] Sign(byte[] message)
        {
            var signature = new byte[64];
            _pair.Sign(message, signature);
            return signature;
        }
    }
}
