namespace Kine.Grains;

/// <summary>How the writer behaves, from the command line.</summary>
public sealed record WriterOptions
{
    /// <summary>Bytes of store size above which NOSPACE is raised; 0 = none.</summary>
    public long QuotaBackendBytes { get; init; }

    /// <summary>Version that Status reports.</summary>
    public string EtcdVersion { get; init; } = "3.6.11";

    /// <summary>Shortest TTL a lease gets, in seconds.</summary>
    public long MinimumLeaseTtl { get; init; } = 2;

    /// <summary>How long the fence stands without a sign of life.</summary>
    public TimeSpan LeaseTime { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>How often an idle writer shows the store that it is alive, and how often a standby looks.</summary>
    public TimeSpan RenewTime => LeaseTime / 3;

    /// <summary>How long a request waits for a store that does not answer, etcd's own limit for a request without a leader.</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(7);

    /// <summary>True = every linearizable read asks the store who the writer is, for machines that may freeze between a look at the clock and the answer.</summary>
    public bool ProveAtStore { get; init; }

    /// <summary>Where clients reach this process, for MemberList and standbys.</summary>
    public string ClientUrl { get; init; } = "http://127.0.0.1:2379";

    /// <summary>Id of this process in headers and lists of members; null = the one that is stored, where one process has the store alone.</summary>
    public ulong? MemberId { get; init; }

    /// <summary>The same for people who look for this process from another machine.</summary>
    public string HolderAddress => ClientUrl.Replace("//0.0.0.0:", $"//{Environment.MachineName}:", StringComparison.Ordinal);

    /// <summary>How often the writer compacts by itself; zero = only when clients ask.</summary>
    public TimeSpan CompactInterval { get; init; }

    /// <summary>Percent, 0 to 99, by which each interval is shorter or longer at random, so that many servers do not compact at once.</summary>
    public int CompactIntervalJitter { get; init; }

    /// <summary>How long one compaction by interval may take before it is reported; what is left goes on.</summary>
    public TimeSpan CompactTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Newest revisions that compaction by interval leaves.</summary>
    public long CompactMinRetain { get; init; } = 1000;

    /// <summary>Records deleted in one go.</summary>
    public int CompactBatchSize { get; init; } = 1000;

    /// <summary>Bytes of pairs kept in memory.</summary>
    public long CacheBytes { get; init; } = 128 << 20;

    /// <summary>Called with a sentence for people when the store can't be trusted any more: the process has to end.</summary>
    public Action<string> Fatal { get; init; } = static reason => Environment.FailFast(reason);
}
