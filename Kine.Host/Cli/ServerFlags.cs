using System.Globalization;
using Kine.Backends.Endpoints;

namespace Kine.Host.Cli;

/// <summary>All flags of the server. Names, defaults and meaning are upstream kine's where it has them.</summary>
internal static class ServerFlags
{
    private const string Listening = "Listening";
    private const string Cluster = "Other processes on the same database";
    private const string Store = "Store";
    private const string Database = "Connection to the database";
    private const string Writing = "Keyspace";
    private const string Compaction = "Own compaction (Kubernetes' API server does it by itself)";
    private const string Watching = "Logs and metrics";

    /// <summary>In the order of the help.</summary>
    public static IReadOnlyList<ServerFlag> All { get; } =
    [
        Text("listen-address", Listening, "0.0.0.0:2379", "ADDRESS",
            "Address for etcd's clients: host:port or unix://path; empty = unix://kine.sock", (o, v) => o with { ListenAddress = v }),
        Text("server-cert-file", Listening, "", "FILE", "Certificate of the listener (PEM, chain included); needs --server-key-file",
            (o, v) => o with { ServerCertFile = v }),
        Text("server-key-file", Listening, "", "FILE", "Private key of that certificate (PEM)", (o, v) => o with { ServerKeyFile = v }),
        Text("trusted-ca-file", Listening, "", "FILE", "Only clients with a certificate of this CA may connect (PEM)",
            (o, v) => o with { TrustedCaFile = v }),

        Text("endpoint", Store, "", "ENDPOINT",
            "Where the data is: sqlite://path, memory://, postgres://..., mysql://..., nats://...; none = SQLite in ./db/state.db",
            (o, v) => o with { Endpoint = v }),
        Number("quota-backend-bytes", Store, "0", "BYTES", "Size of the store above which writes are refused; 0 = no limit", 0, long.MaxValue,
            (o, v) => o with { QuotaBackendBytes = v }),
        Duration("lease-time", Store, "3s", "Time after which a silent writer may be replaced by another process", TimeSpan.FromMilliseconds(100),
            (o, v) => o with { LeaseTime = v }),
        Choice("read-proof", Store, "lease", ["lease", "store"],
            "What shows that reads are current: the writer's lease, or a question to the store (for machines that may freeze)",
            (o, v) => o with { ReadProof = v }),

        Text("advertise-client-urls", Cluster, "", "URL,...", "Where clients reach this process, as MemberList tells them; none = where it listens",
            (o, v) => o with { AdvertiseClientUrls = v }),
        Text("peer-listen-address", Cluster, "", "ADDRESS",
            "Address for the other processes: host:port or host; none = the one that leads to the database, port 2380 or a free one",
            (o, v) => o with { PeerListenAddress = v }),
        Text("peer-advertise-address", Cluster, "", "ADDRESS", "Address that they are told to use: host:port or host; none = where it listens",
            (o, v) => o with { PeerAdvertiseAddress = v }),
        Text("peer-cert-file", Cluster, "", "FILE", "Certificate shown to the other processes (PEM); none = one made at each start, vouched for by the database",
            (o, v) => o with { PeerCertFile = v }),
        Text("peer-key-file", Cluster, "", "FILE", "Private key of that certificate (PEM)", (o, v) => o with { PeerKeyFile = v }),
        Text("peer-trusted-ca-file", Cluster, "", "FILE", "CA of the certificates that the other processes show (PEM)",
            (o, v) => o with { PeerTrustedCaFile = v }),

        Text("ca-file", Database, "", "FILE", "CA of the database's certificate (PEM)", (o, v) => o with { CaFile = v }),
        Text("cert-file", Database, "", "FILE", "Client certificate for the database (PEM)", (o, v) => o with { CertFile = v }),
        Text("key-file", Database, "", "FILE", "Private key of that certificate (PEM)", (o, v) => o with { KeyFile = v }),
        Switch("skip-verify", Database, "Take any certificate of the database", (o, v) => o with { SkipVerify = v }),
        Choice("identity-provider", Database, "", ["", "aws", "azure"],
            "Who gives the database password: aws (IAM for RDS), azure (Entra ID), or nobody", (o, v) => o with { IdentityProvider = v }),
        Text("identity-scope", Database, "", "SCOPE", "What the tokens of azure are for; none = by the cloud that the host is in",
            (o, v) => o with { IdentityScope = v }),
        Number("datastore-max-idle-connections", Database, "20", "COUNT", "Idle connections that are kept; 0 = the driver's default, below 0 = none",
            int.MinValue, int.MaxValue, (o, v) => o with { DatastoreMaxIdleConnections = (int)v }),
        Number("datastore-max-open-connections", Database, "0", "COUNT", "Open connections at most; 0 or below = no limit",
            int.MinValue, int.MaxValue, (o, v) => o with { DatastoreMaxOpenConnections = (int)v }),
        Duration("datastore-connection-max-lifetime", Database, "0s", "Age at which a connection is replaced; 0 or below = never", null,
            (o, v) => o with { DatastoreConnectionMaxLifetime = v }),
        Duration("datastore-connection-max-idle-time", Database, "2m0s", "Idle time after which a connection is closed; 0 or below = never", null,
            (o, v) => o with { DatastoreConnectionMaxIdleTime = v }),

        Number("cache-bytes", Writing, "134217728", "BYTES", "Values kept in memory at most", 0, long.MaxValue, (o, v) => o with { CacheBytes = v }),
        Duration("watch-progress-notify-interval", Writing, "5s", "Time between progress notifications of an idle watch", TimeSpan.FromMilliseconds(1),
            (o, v) => o with { WatchProgressNotifyInterval = v }),
        Text("emulated-etcd-version", Writing, "3.6.11", "VERSION", "etcd version told to clients, which choose features by it",
            (o, v) => Version.TryParse(v.TrimStart('v').Split('-')[0], out _) ? o with { EmulatedEtcdVersion = v } : null) with
        {
            Expected = "a version such as 3.6.11", TakesEmpty = false,
        },
        Number("poll-batch-size", Writing, "500", "COUNT", "Revisions read at once when catching up", 1, int.MaxValue, (o, v) => o with { PollBatchSize = v }),

        Duration("compact-interval", Compaction, "0s", "Time between compactions; 0 = none", TimeSpan.Zero, (o, v) => o with { CompactInterval = v }),
        Number("compact-interval-jitter", Compaction, "0", "PERCENT", "By how much that time varies", 0, 99,
            (o, v) => o with { CompactIntervalJitter = (int)v }),
        Duration("compact-timeout", Compaction, "5s", "Time limit of one compaction", TimeSpan.FromMilliseconds(1), (o, v) => o with { CompactTimeout = v }),
        Number("compact-min-retain", Compaction, "1000", "COUNT", "Newest revisions that are left", 0, long.MaxValue,
            (o, v) => o with { CompactMinRetain = v }),
        Number("compact-batch-size", Compaction, "1000", "COUNT", "Revisions deleted in one batch, by clients' compactions too", 1, int.MaxValue,
            (o, v) => o with { CompactBatchSize = v }),

        Choice("log-format", Watching, "plain", ["plain", "json"], "Form of the log", (o, v) => o with { LogFormat = v }),
        Switch("debug", Watching, "Log debug lines too, to stdout", (o, v) => o with { Debug = v }),
        Duration("slow-sql-threshold", Watching, "1s", "Statements slower than this are logged; 0 or below = none", null,
            (o, v) => o with { SlowSqlThreshold = v }),
        Duration("slow-sql-warning-threshold", Watching, "5s", "Statements slower than this are logged as warnings", null,
            (o, v) => o with { SlowSqlWarningThreshold = v }),
        Text("metrics-bind-address", Watching, ":8080", "ADDRESS", "Address for metrics (Prometheus) and health; 0 = none",
            (o, v) => o with { MetricsBindAddress = v }),
        Switch("metrics-ignore-tls-config", Watching, "Serve metrics in plain text though the listener has TLS",
            (o, v) => o with { MetricsIgnoreTlsConfig = v }),
        Switch("metrics-enable-profiling", Watching, "Accepted for upstream's sake: dotnet-trace and dotnet-counters profile this process",
            (o, v) => o with { MetricsEnableProfiling = v }),
    ];

    /// <summary>Flags of upstream kine that belong to its t4 store, which does not exist here.</summary>
    public static IReadOnlyList<string> Refused { get; } =
    [
        "peer-bind-address", "s3-bucket", "s3-folder", "s3-endpoint", "s3-region", "s3-access-key", "s3-secret-key",
        "s3-session-token", "s3-profile", "s3-ca-bundle",
    ];

    private static ServerFlag Text(
        string name, string group, string standard, string value, string help, Func<ServerOptions, string, ServerOptions?> apply) =>
        new(name, group, standard, value, help, apply, "a text") { TakesEmpty = true };

    private static ServerFlag Switch(string name, string group, string help, Func<ServerOptions, bool, ServerOptions> apply) =>
        new(name, group, "false", string.Empty, help, (o, v) => ParseBool(v) is { } on ? apply(o, on) : null, "true or false");

    private static ServerFlag Choice(
        string name, string group, string standard, string[] values, string help, Func<ServerOptions, string, ServerOptions> apply) =>
        new(name, group, standard, string.Join('|', values.Where(v => v.Length != 0)), help, (o, v) => values.Contains(v) ? apply(o, v) : null,
            string.Join(" or ", values.Where(v => v.Length != 0)));

    private static ServerFlag Number(
        string name, string group, string standard, string value, string help, long min, long max, Func<ServerOptions, long, ServerOptions> apply) =>
        new(name, group, standard, value, help,
            (o, v) => long.TryParse(v, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) && number >= min && number <= max
                ? apply(o, number)
                : null,
            Range(min, max));

    private static ServerFlag Duration(
        string name, string group, string standard, string help, TimeSpan? min, Func<ServerOptions, TimeSpan, ServerOptions> apply) =>
        new(name, group, standard, "DURATION", help,
            (o, v) => GoDuration.TryParse(v, out var duration) && (min is null || duration >= min) ? apply(o, duration) : null,
            "a duration such as 1m30s" + (min is { } least ? $", at least {GoDuration.Format(least)}" : string.Empty));

    private static string Range(long min, long max) => (min, max) switch
    {
        (_, int.MaxValue or long.MaxValue) when min is int.MinValue => "a whole number",
        (_, int.MaxValue or long.MaxValue) => $"a whole number, at least {min}",
        _ => $"a whole number from {min} to {max}",
    };

    // The spellings that Go reads.
    private static bool? ParseBool(string text) => text switch
    {
        "1" or "t" or "T" or "true" or "TRUE" or "True" => true,
        "0" or "f" or "F" or "false" or "FALSE" or "False" => false,
        _ => null,
    };
}
