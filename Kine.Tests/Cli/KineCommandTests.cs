using Kine.Host.Cli;
using Xunit;

namespace Kine.Tests.Cli;

public sealed class KineCommandTests
{
    [Fact]
    public async Task Without_flags_the_defaults_are_upstreams()
    {
        var options = await Read([]);

        Assert.Equal(
            new ServerOptions
            {
                ListenAddress = "0.0.0.0:2379",
                LogFormat = "plain",
                MetricsBindAddress = ":8080",
                DatastoreMaxIdleConnections = 20,
                DatastoreConnectionMaxIdleTime = TimeSpan.FromMinutes(2),
                SlowSqlThreshold = TimeSpan.FromSeconds(1),
                SlowSqlWarningThreshold = TimeSpan.FromSeconds(5),
                WatchProgressNotifyInterval = TimeSpan.FromSeconds(5),
                EmulatedEtcdVersion = "3.6.11",
                CompactTimeout = TimeSpan.FromSeconds(5),
                CompactMinRetain = 1000,
                CompactBatchSize = 1000,
                PollBatchSize = 500,
                LeaseTime = TimeSpan.FromSeconds(3),
                CacheBytes = 128 * 1024 * 1024,
                ReadProof = "lease",
            },
            options);
    }

    [Theory]
    [InlineData("listen-address", "unix://kine.sock", nameof(ServerOptions.ListenAddress), "unix://kine.sock")]
    [InlineData("endpoint", "sqlite://./x.db?_journal_mode=WAL&cache=shared", nameof(ServerOptions.Endpoint), "sqlite://./x.db?_journal_mode=WAL&cache=shared")]
    [InlineData("ca-file", "a.pem", nameof(ServerOptions.CaFile), "a.pem")]
    [InlineData("cert-file", "a.pem", nameof(ServerOptions.CertFile), "a.pem")]
    [InlineData("key-file", "a.pem", nameof(ServerOptions.KeyFile), "a.pem")]
    [InlineData("advertise-client-urls", "http://a:1,http://b:2", nameof(ServerOptions.AdvertiseClientUrls), "http://a:1,http://b:2")]
    [InlineData("peer-listen-address", "10.0.0.1:2381", nameof(ServerOptions.PeerListenAddress), "10.0.0.1:2381")]
    [InlineData("peer-advertise-address", "10.0.0.1", nameof(ServerOptions.PeerAdvertiseAddress), "10.0.0.1")]
    [InlineData("peer-cert-file", "a.pem", nameof(ServerOptions.PeerCertFile), "a.pem")]
    [InlineData("peer-key-file", "a.pem", nameof(ServerOptions.PeerKeyFile), "a.pem")]
    [InlineData("peer-trusted-ca-file", "a.pem", nameof(ServerOptions.PeerTrustedCaFile), "a.pem")]
    [InlineData("skip-verify", "true", nameof(ServerOptions.SkipVerify), "True")]
    [InlineData("server-cert-file", "a.pem", nameof(ServerOptions.ServerCertFile), "a.pem")]
    [InlineData("server-key-file", "a.pem", nameof(ServerOptions.ServerKeyFile), "a.pem")]
    [InlineData("trusted-ca-file", "a.pem", nameof(ServerOptions.TrustedCaFile), "a.pem")]
    [InlineData("log-format", "json", nameof(ServerOptions.LogFormat), "json")]
    [InlineData("debug", "1", nameof(ServerOptions.Debug), "True")]
    [InlineData("metrics-bind-address", "0", nameof(ServerOptions.MetricsBindAddress), "0")]
    [InlineData("metrics-enable-profiling", "T", nameof(ServerOptions.MetricsEnableProfiling), "True")]
    [InlineData("metrics-ignore-tls-config", "TRUE", nameof(ServerOptions.MetricsIgnoreTlsConfig), "True")]
    [InlineData("datastore-max-idle-connections", "-1", nameof(ServerOptions.DatastoreMaxIdleConnections), "-1")]
    [InlineData("datastore-max-open-connections", "7", nameof(ServerOptions.DatastoreMaxOpenConnections), "7")]
    [InlineData("datastore-connection-max-lifetime", "1m30s", nameof(ServerOptions.DatastoreConnectionMaxLifetime), "00:01:30")]
    [InlineData("datastore-connection-max-idle-time", "-1s", nameof(ServerOptions.DatastoreConnectionMaxIdleTime), "-00:00:01")]
    [InlineData("slow-sql-threshold", "0", nameof(ServerOptions.SlowSqlThreshold), "00:00:00")]
    [InlineData("slow-sql-warning-threshold", "10s", nameof(ServerOptions.SlowSqlWarningThreshold), "00:00:10")]
    [InlineData("watch-progress-notify-interval", "1s", nameof(ServerOptions.WatchProgressNotifyInterval), "00:00:01")]
    [InlineData("emulated-etcd-version", "3.5.13", nameof(ServerOptions.EmulatedEtcdVersion), "3.5.13")]
    [InlineData("compact-interval", "5m", nameof(ServerOptions.CompactInterval), "00:05:00")]
    [InlineData("compact-interval-jitter", "99", nameof(ServerOptions.CompactIntervalJitter), "99")]
    [InlineData("compact-timeout", "1s", nameof(ServerOptions.CompactTimeout), "00:00:01")]
    [InlineData("compact-min-retain", "0", nameof(ServerOptions.CompactMinRetain), "0")]
    [InlineData("compact-batch-size", "10", nameof(ServerOptions.CompactBatchSize), "10")]
    [InlineData("poll-batch-size", "10", nameof(ServerOptions.PollBatchSize), "10")]
    [InlineData("quota-backend-bytes", "8589934592", nameof(ServerOptions.QuotaBackendBytes), "8589934592")]
    [InlineData("lease-time", "10s", nameof(ServerOptions.LeaseTime), "00:00:10")]
    [InlineData("cache-bytes", "1", nameof(ServerOptions.CacheBytes), "1")]
    [InlineData("read-proof", "store", nameof(ServerOptions.ReadProof), "store")]
    [InlineData("identity-provider", "azure", nameof(ServerOptions.IdentityProvider), "azure")]
    [InlineData("identity-scope", "https://x/.default", nameof(ServerOptions.IdentityScope), "https://x/.default")]
    public async Task Each_flag_is_read_in_all_its_spellings(string flag, string value, string property, string expected)
    {
        var variable = "KINE_" + flag.Replace('-', '_').ToUpperInvariant();
        var ways = new[]
        {
            await Read([$"--{flag}={value}"]),
            await Read([$"-{flag}={value}"]),
            await Read([$"--{flag}", value]),
            await Read([], (variable, value)),
            await Read([$"--{flag}={value}"], (variable, "wrong")),
        };

        Assert.All(ways, options => Assert.Equal(expected, Convert.ToString(typeof(ServerOptions).GetProperty(property)!.GetValue(options), null)));
    }

    [Fact]
    public void Each_flag_is_tried_above() =>
        Assert.Equal(
            ServerFlags.All.Select(f => f.Name).Order(),
            typeof(KineCommandTests).GetMethod(nameof(Each_flag_is_read_in_all_its_spellings))!
                .GetCustomAttributes(typeof(InlineDataAttribute), false)
                .Select(a => (string)((InlineDataAttribute)a).GetData(null!).Single()[0])
                .Order());

    [Fact]
    public async Task A_switch_needs_no_value() => Assert.True((await Read(["--debug"])).Debug);

    [Fact]
    public async Task An_empty_listen_address_is_kept_and_an_empty_number_is_not_given()
    {
        var options = await Read([], ("KINE_LISTEN_ADDRESS", ""), ("KINE_POLL_BATCH_SIZE", ""));

        Assert.Equal(string.Empty, options.ListenAddress);
        Assert.Equal(500, options.PollBatchSize);
    }

    [Theory]
    [InlineData("\n")]
    [InlineData("\r\n")]
    [InlineData(" \t\n\n")]
    public async Task White_space_at_the_ends_of_a_value_is_none_of_it(string space)
    {
        var ways = new[]
        {
            await Read([], ("KINE_ENDPOINT", $"sqlite://x.db{space}"), ("KINE_CACHE_BYTES", $"{space}5{space}"), ("KINE_DEBUG", $"true{space}"), ("KINE_LEASE_TIME", space)),
            await Read(["--endpoint", $"{space}sqlite://x.db{space}", $"--cache-bytes={space}5{space}", $"--debug{space}"]),
        };

        Assert.All(ways, o => Assert.Equal(("sqlite://x.db", 5, true, TimeSpan.FromSeconds(3)), (o.Endpoint, o.CacheBytes, o.Debug, o.LeaseTime)));
    }

    [Theory]
    [InlineData("--endpoint", "--endpoint=postgres://u:se\ncret@h/db")]
    [InlineData("--endpoint", "--endpoint", "postgres://u:se\0cret@h/db")]
    [InlineData("--cache-bytes", "-cache-bytes", "1\u001b2")]
    [InlineData("--from", "migrate", "--from", "sqlite://se\ncret.db", "--to", "memory://")]
    [InlineData("argument 3", "snapshot", "status", "se\tcret.db")]
    public async Task A_control_character_inside_a_value_is_refused_without_showing_it(string source, params string[] args)
    {
        var (code, output, error) = await Run(args);

        Assert.Equal((2, string.Empty), (code, output));
        Assert.StartsWith($"kine: {source} holds a control character (code ", error, StringComparison.Ordinal);
        Assert.DoesNotContain("cret", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_control_character_inside_a_variable_is_refused_without_showing_it()
    {
        var (code, _, error) = await Run([], ("KINE_ENDPOINT", "mysql://root:se\ncret@tcp(h)/db\n"));

        Assert.Equal(2, code);
        Assert.StartsWith("kine: KINE_ENDPOINT holds a control character (code 10)", error, StringComparison.Ordinal);
        Assert.DoesNotContain("cret", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("there is no flag --nothing", "--nothing=1")]
    [InlineData("there is no command \"serve\"", "serve")]
    [InlineData("--lease-time is \"5\"", "--lease-time", "5")]
    [InlineData("--lease-time is \"1ms\"", "--lease-time=1ms")]
    [InlineData("--log-format is \"xml\"", "--log-format=xml")]
    [InlineData("--debug is \"maybe\"", "--debug=maybe")]
    [InlineData("--compact-interval-jitter is \"100\"", "--compact-interval-jitter=100")]
    [InlineData("--compact-interval is \"-1s\"", "--compact-interval=-1s")]
    [InlineData("--cache-bytes is \"1e9\"", "--cache-bytes=1e9")]
    [InlineData("--emulated-etcd-version is \"new\"", "--emulated-etcd-version=new")]
    [InlineData("--identity-provider is \"gcp\"", "--identity-provider=gcp")]
    [InlineData("--s3-bucket belongs to the t4 store", "--s3-bucket=b")]
    [InlineData("--peer-bind-address belongs to the t4 store", "--peer-bind-address", "b")]
    [InlineData("Required argument missing for option: '--endpoint'", "--endpoint")]
    public async Task A_wrong_flag_is_one_sentence_and_exit_code_two(string message, params string[] args)
    {
        var (code, output, error) = await Run(args);

        Assert.Equal(2, code);
        Assert.Empty(output);
        Assert.StartsWith($"kine: {message}", error, StringComparison.Ordinal);
        Assert.Single(error.TrimEnd('\n').Split('\n'));
    }

    [Theory]
    [InlineData("KINE_DEBUG", "maybe", "KINE_DEBUG is \"maybe\"")]
    [InlineData("KINE_S3_BUCKET", "b", "KINE_S3_BUCKET belongs to the t4 store")]
    public async Task A_wrong_variable_is_one_sentence_and_exit_code_two(string name, string value, string message)
    {
        var (code, _, error) = await Run([], (name, value));

        Assert.Equal(2, code);
        Assert.StartsWith($"kine: {message}", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--help")]
    [InlineData("-h")]
    [InlineData("--help", "--nothing")]
    public async Task Help_names_every_flag_with_default_and_variable(params string[] args)
    {
        var (code, output, error) = await Run(args);

        Assert.Equal((0, string.Empty), (code, error));
        Assert.All(ServerFlags.All, f => Assert.Contains($"  --{f.Name}", output, StringComparison.Ordinal));
        Assert.All(ServerFlags.All, f => Assert.Contains($"[{f.Variable}]", output, StringComparison.Ordinal));
        Assert.Contains("--lease-time DURATION  (default 3s)  [KINE_LEASE_TIME]", output, StringComparison.Ordinal);
        Assert.All(output.Split('\n'), line => Assert.InRange(line.Length, 0, 110));
    }

    [Fact]
    public async Task Version_is_one_line()
    {
        var (code, output, _) = await Run(["--version"]);

        Assert.Equal((0, $"kine {KineCommand.Version}\n"), (code, output.ReplaceLineEndings("\n")));
        Assert.True(Version.TryParse(KineCommand.Version, out _));
    }

    private static async Task<ServerOptions> Read(string[] args, params (string Name, string Value)[] variables)
    {
        ServerOptions? read = null;
        using var error = new StringWriter();
        var command = new KineCommand(TextWriter.Null, error, name => Find(variables, name), options =>
        {
            read = options;
            return Task.FromResult(0);
        }, Kine.Host.Program.Commands());
        Assert.True(await command.Run(args) == 0, error.ToString());
        return read!;
    }

    private static async Task<(int Code, string Output, string Error)> Run(string[] args, params (string Name, string Value)[] variables)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var command = new KineCommand(
            output, error, name => Find(variables, name), _ => throw new InvalidOperationException("it was started"), Kine.Host.Program.Commands());
        return (await command.Run(args), output.ToString(), error.ToString());
    }

    private static string? Find((string Name, string Value)[] variables, string name)
    {
        var found = variables.Where(v => v.Name == name).ToArray();
        return found.Length == 0 ? null : found[0].Value;
    }
}
