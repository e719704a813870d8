namespace Kine.Host.Cli;

/// <summary>
/// What the server was told on its command line and by its variables, in the groups of the help. <see cref="ServerFlags"/> says what each
/// option means, and has the defaults.
/// </summary>
internal sealed record ServerOptions
{
    public string ListenAddress { get; init; } = string.Empty;
    public string ServerCertFile { get; init; } = string.Empty;
    public string ServerKeyFile { get; init; } = string.Empty;
    public string TrustedCaFile { get; init; } = string.Empty;

    public string AdvertiseClientUrls { get; init; } = string.Empty;
    public string PeerListenAddress { get; init; } = string.Empty;
    public string PeerAdvertiseAddress { get; init; } = string.Empty;
    public string PeerCertFile { get; init; } = string.Empty;
    public string PeerKeyFile { get; init; } = string.Empty;
    public string PeerTrustedCaFile { get; init; } = string.Empty;

    public string Endpoint { get; init; } = string.Empty;
    public long QuotaBackendBytes { get; init; }
    public TimeSpan LeaseTime { get; init; }
    public string ReadProof { get; init; } = string.Empty;

    public string CaFile { get; init; } = string.Empty;
    public string CertFile { get; init; } = string.Empty;
    public string KeyFile { get; init; } = string.Empty;
    public bool SkipVerify { get; init; }
    public string IdentityProvider { get; init; } = string.Empty;
    public string IdentityScope { get; init; } = string.Empty;
    public int DatastoreMaxIdleConnections { get; init; }
    public int DatastoreMaxOpenConnections { get; init; }
    public TimeSpan DatastoreConnectionMaxLifetime { get; init; }
    public TimeSpan DatastoreConnectionMaxIdleTime { get; init; }

    public long CacheBytes { get; init; }
    public TimeSpan WatchProgressNotifyInterval { get; init; }
    public string EmulatedEtcdVersion { get; init; } = string.Empty;
    public long PollBatchSize { get; init; }

    public TimeSpan CompactInterval { get; init; }
    public int CompactIntervalJitter { get; init; }
    public TimeSpan CompactTimeout { get; init; }
    public long CompactMinRetain { get; init; }
    public long CompactBatchSize { get; init; }

    public string LogFormat { get; init; } = string.Empty;
    public bool Debug { get; init; }
    public TimeSpan SlowSqlThreshold { get; init; }
    public TimeSpan SlowSqlWarningThreshold { get; init; }
    public string MetricsBindAddress { get; init; } = string.Empty;
    public bool MetricsIgnoreTlsConfig { get; init; }
    public bool MetricsEnableProfiling { get; init; }
}
