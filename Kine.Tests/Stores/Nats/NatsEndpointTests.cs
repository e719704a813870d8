using Kine.Backends;
using Kine.Backends.Endpoints;
using Kine.Backends.Nats;
using Kine.Backends.Stores;

namespace Kine.Tests.Stores.Nats;

/// <summary>Endpoint forms of upstream kine keep their meaning, and what asks for a server of our own is refused with a sentence.</summary>
public class NatsEndpointTests
{
    private static readonly string[] Local = ["nats://localhost:4222"];

    public static TheoryData<string, NatsOptions> Accepted => new()
    {
        { "nats://", new() { Servers = Local } },
        { "nats://?noEmbed", new() { Servers = Local } },
        { "jetstream://", new() { Servers = Local } },
        { "jetstream://nats://h:1?bucket=b", new() { Servers = ["nats://h:1"], Bucket = "b" } },
        { "nats://h", new() { Servers = ["nats://h:4222"] } },
        { "nats://:4333", new() { Servers = ["nats://localhost:4333"] } },
        { "nats://[::1]:4333", new() { Servers = ["nats://[::1]:4333"] } },
        { "nats://[::1]/", new() { Servers = ["nats://[::1]:4222"] } },
        { "nats://joe:p%40ss%3a@h:4222", new() { Servers = ["nats://h:4222"], Auth = new() { Username = "joe", Password = "p@ss:" } } },
        { "nats://t0ken@h", new() { Servers = ["nats://h:4222"], Auth = new() { Token = "t0ken" } } },
        {
            "nats://joe:pw@a:1?bucket=x&replicas=3,nats://b:2?bucket=ignored,nats://other:user@c:3",
            new()
            {
                Servers = ["nats://a:1", "nats://b:2", "nats://c:3"],
                Auth = new() { Username = "joe", Password = "pw" },
                Bucket = "x",
                Replicas = 3,
            }
        },
        {
            "nats://h?noEmbed&dataDir=/d&dontListen&serverConfig=/c&stdoutLogging&revHistory=64&slowMethod=1m30s&credsFile=/etc/u.creds",
            new() { Servers = ["nats://h:4222"], SlowMethod = TimeSpan.FromSeconds(90), Auth = new() { CredsFile = "/etc/u.creds" } }
        },
        { "nats://h,tls://i:5", new() { Servers = ["nats://h:4222", "tls://i:5"] } },
    };

    [Theory]
    [MemberData(nameof(Accepted))]
    public void Nats_endpoints_mean_what_they_mean_upstream(string endpoint, NatsOptions expected)
    {
        var parsed = StoreEndpoint.Parse(endpoint);
        Assert.Equal("nats", parsed.Scheme);
        Assert.Equal(expected.Servers, parsed.Nats!.Servers);
        Assert.Equal(expected with { Servers = Local }, parsed.Nats with { Servers = Local });
    }

    [Theory]
    [InlineData("nats://?dontListen", "dontListen")]
    [InlineData("nats://?embedServer&dontListen", "nats-server")]
    [InlineData("nats://?serverConfig=/path", "serverConfig")]
    [InlineData("nats://?dataDir=/path", "dataDir")]
    [InlineData("nats://?stdoutLogging", "stdoutLogging")]
    [InlineData("nats://h?replicas=6", "1 to 5")]
    [InlineData("nats://h?replicas=many", "replicas")]
    [InlineData("nats://h?revHistory=1", "2 to 64")]
    [InlineData("nats://h?slowMethod=soon", "slowMethod")]
    [InlineData("nats://h?bucket=a.b", "bucket")]
    [InlineData("nats://h:secret", "port")]
    [InlineData("nats://u:sec/ret@h:99999", "port")]
    [InlineData("nats://u:secret@h,http://i", "http://")]
    [InlineData("nats://h?contextFile=/x", "host")]
    [InlineData("nats://?contextFile=/not/there.json", "/not/there.json")]
    public void Other_nats_endpoints_are_refused_with_a_sentence_and_no_secret(string endpoint, string reason)
    {
        var refused = Assert.Throws<StoreRefusedException>(() => StoreEndpoint.Parse(endpoint));
        Assert.Contains(reason, refused.Message);
        Assert.DoesNotContain("secret", refused.Message);
    }

    [Fact]
    public void A_context_file_names_servers_and_log_in()
    {
        var options = Context("""
            {"url":"nats://a:1,tls://b","user":"joe","password":"pw","creds":"~/u.creds","cert":"/c","key":"/k","ca":"/ca","inbox_prefix":"_IN.me","jetstream_domain":"hub"}
            """);
        Assert.Equal(["nats://a:1", "tls://b:4222"], options.Servers);
        Assert.Equal(("joe", "pw"), (options.Auth.Username, options.Auth.Password));
        Assert.Equal(("/c", "/k", "/ca"), (options.Tls.CertFile, options.Tls.KeyFile, options.Tls.CaFile));
        Assert.Equal(("_IN.me", "$JS.hub.API."), (options.InboxPrefix, options.ApiPrefix));
        Assert.EndsWith("/u.creds", options.Auth.CredsFile);
        Assert.DoesNotContain("~", options.Auth.CredsFile, StringComparison.Ordinal);
        Assert.Equal(Local, Context("""{"token":"t"}""").Servers);
        Assert.Equal("/seed", Context("""{"nkey":"/seed","url":"nats://h"}""").Auth.NKeyFile);
    }

    [Fact]
    public void Flags_go_before_the_context_file()
    {
        var settings = new StoreSettings { CaFile = "/flag/ca", CertFile = "/flag/c", KeyFile = "/flag/k", SkipVerify = true };
        var options = Context("""{"url":"nats://h","cert":"/c","key":"/k","ca":"/ca"}""", settings);
        var tls = options.Tls;
        Assert.Equal(("/flag/ca", "/flag/c", "/flag/k", true), (tls.CaFile, tls.CertFile, tls.KeyFile, tls.InsecureSkipVerify));
    }

    [Theory]
    [InlineData("""{"url":"nats://h","password":"secret",""", "JSON")]
    [InlineData("""["secret"]""", "JSON")]
    [InlineData("""{"password":["secret"]}""", "password")]
    [InlineData("""{"nsc":"nsc://secret"}""", "nsc")]
    [InlineData("""{"tls_first":true,"password":"secret"}""", "tls_first")]
    public void A_context_file_that_cannot_be_used_is_refused_without_its_secrets(string text, string reason)
    {
        var refused = Assert.Throws<StoreRefusedException>(() => Context(text));
        Assert.Contains(reason, refused.Message);
        Assert.DoesNotContain("secret", refused.Message);
        Assert.Null(refused.InnerException);
    }

    [Fact]
    public void A_certificate_needs_its_key() => Assert.Contains(
        "--key-file", Assert.Throws<StoreRefusedException>(() => StoreEndpoint.Parse("nats://h", new StoreSettings { CertFile = "/c" })).Message);

    [Fact]
    public void Descriptions_hold_no_secret()
    {
        var endpoint = StoreEndpoint.Parse("nats://joe:secret@h?bucket=b");
        Assert.Equal("nats nats://h:4222 bucket b", endpoint.Create().Description);
        Assert.DoesNotContain("secret", endpoint.Nats!.ToString());
    }

    private static NatsOptions Context(string text, StoreSettings? settings = null)
    {
        using var folder = new Servers.TempFolder();
        File.WriteAllText(folder["context.json"], text);
        return StoreEndpoint.Parse($"nats://?bucket=b&contextFile={folder["context.json"]}", settings).Nats!;
    }
}
