namespace Kine.Tests.Figures;

/// <summary>The sizes and times of the figures; smaller ones are for trying out, not for the record.</summary>
internal sealed record FiguresOptions
{
    /// <summary>The built program.</summary>
    public required string KinePath { get; init; }

    /// <summary>The kine program of an old build, or null.</summary>
    public string? OldPath { get; init; }

    /// <summary>An etcd 3.5 to compare with, or null.</summary>
    public string? EtcdPath { get; init; }

    /// <summary>Database servers to run kine on.</summary>
    public IReadOnlyList<StoreUnderTest> Stores { get; init; } = [];

    /// <summary>Keys of the large stores.</summary>
    public int Keys { get; init; } = 1_000_000;

    /// <summary>How long 64 clients update the large store.</summary>
    public TimeSpan UpdateTime { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>
    /// How often the large store is compacted while it is updated, each time up to the revision of the time before, as a kube-apiserver does; null = never.
    /// </summary>
    public TimeSpan? CompactEvery { get; init; }

    /// <summary>How long the idle server is watched.</summary>
    public TimeSpan IdleTime { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long pages are read.</summary>
    public TimeSpan PageTime { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>Old revisions that are compacted away under load.</summary>
    public int OldRevisions { get; init; } = 500_000;

    /// <summary>How long each of the two runs with and without compaction takes.</summary>
    public TimeSpan CompactTime { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How often the writer of a cluster is killed, stopped and paused.</summary>
    public int Kills { get; init; } = 20;

    /// <summary>Rounds of a comparison.</summary>
    public int Rounds { get; init; } = 5;

    /// <summary>Time of each of these rounds.</summary>
    public TimeSpan RoundTime { get; init; } = TimeSpan.FromSeconds(10);
}
