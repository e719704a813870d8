namespace Kine.Host.Cli;

/// <summary>What the server was told on its command line and by its variables; the defaults are those of <see cref="ServerFlags"/>.</summary>
internal sealed record ServerOptions
{
    /// <summary>Address for etcd's clients.</summary>
    public string ListenAddress { get; init; } = string.Empty;

    /// <summary>The store; empty = SQLite in ./db/state.db.</summary>
    public string Endpoint { get; init; } = string.Empty;

    /// <summary>CA of the database's certificate; empty = the system's.</summary>
    public string CaFile { get; init; } = string.Empty;

    /// <summary>Certificate shown to the database; empty = none.</summary>
    public string CertFile { get; init; } = string.Empty;

    /// <summary>Key of that certificate.</summary>
    public string KeyFile { get; init; } = string.Empty;

    /// <summary>True = take any certificate of the database.</summary>
    public bool SkipVerify { get; init; }

    /// <summary>Certificate of the listener; empty = plain text.</summary>
    public string ServerCertFile { get; init; } = string.Empty;

    /// <summary>Key of the listener's certificate.</summary>
    public string ServerKeyFile { get; init; } = string.Empty;

    /// <summary>CA whose clients may connect; empty = any client.</summary>
    public string TrustedCaFile { get; init; } = string.Empty;

    /// <summary>plain or json.</summary>
    public string LogFormat { get; init; } = string.Empty;

    /// <summary>True = also debug lines.</summary>
    public bool Debug { get; init; }

    /// <summary>Address for metrics; 0 = none.</summary>
    public string MetricsBindAddress { get; init; } = string.Empty;

    /// <summary>Asked for profiling pages.</summary>
    public bool MetricsEnableProfiling { get; init; }

    /// <summary>True = metrics in plain text though the listener has TLS.</summary>
    public bool MetricsIgnoreTlsConfig { get; init; }

    /// <summary>Idle connections to the database that are kept; 0 = the driver's default, below 0 = none.</summary>
    public int DatastoreMaxIdleConnections { get; init; }

    /// <summary>Open connections to the database; 0 or less = no limit.</summary>
    public int DatastoreMaxOpenConnections { get; init; }

    /// <summary>Age at which a connection to the database is replaced; 0 or less = never.</summary>
    public TimeSpan DatastoreConnectionMaxLifetime { get; init; }

    /// <summary>Idle time after which a connection to the database is closed; 0 or less = never.</summary>
    public TimeSpan DatastoreConnectionMaxIdleTime { get; init; }

    /// <summary>Statements slower than this are logged; 0 or less = none.</summary>
    public TimeSpan SlowSqlThreshold { get; init; }

    /// <summary>Statements slower than this are logged as warnings.</summary>
    public TimeSpan SlowSqlWarningThreshold { get; init; }

    /// <summary>Time between progress notifications of an idle watch that asked for them.</summary>
    public TimeSpan WatchProgressNotifyInterval { get; init; }

    /// <summary>Version that Status and /version tell.</summary>
    public string EmulatedEtcdVersion { get; init; } = string.Empty;

    /// <summary>Time between own compactions; 0 = none.</summary>
    public TimeSpan CompactInterval { get; init; }

    /// <summary>Percent by which that time varies, 0 to 99.</summary>
    public int CompactIntervalJitter { get; init; }

    /// <summary>Time limit of one own compaction.</summary>
    public TimeSpan CompactTimeout { get; init; }

    /// <summary>Newest revisions that own compaction leaves.</summary>
    public long CompactMinRetain { get; init; }

    /// <summary>Revisions deleted in one batch of compaction.</summary>
    public long CompactBatchSize { get; init; }

    /// <summary>Revisions read in one batch when catching up.</summary>
    public long PollBatchSize { get; init; }

    /// <summary>Bytes of the store above which writes are refused; 0 = no limit.</summary>
    public long QuotaBackendBytes { get; init; }

    /// <summary>Time after which a silent writer may be replaced.</summary>
    public TimeSpan LeaseTime { get; init; }

    /// <summary>Bytes of values kept in memory.</summary>
    public long CacheBytes { get; init; }

    /// <summary>How reads prove that this process is still the writer: lease or store.</summary>
    public string ReadProof { get; init; } = string.Empty;

    /// <summary>Who gives the database password: empty, aws or azure.</summary>
    public string IdentityProvider { get; init; } = string.Empty;

    /// <summary>What the tokens of azure are for; empty = by the host.</summary>
    public string IdentityScope { get; init; } = string.Empty;
}
