using Kine.Host.Client;

namespace Kine.Host.Bench;

/// <summary>The options of one run of <c>kine bench</c>; BenchArguments describes them.</summary>
internal sealed record BenchOptions
{
    public required BenchMode Mode { get; init; }

    public required string Endpoint { get; init; }

    public string? Compare { get; init; }

    public int Clients { get; init; } = 64;

    /// <summary>Per server.</summary>
    public int Connections { get; init; } = 4;

    public int Writers { get; init; } = 4;

    /// <summary>Where the writers of a watch run write; null = where its watchers are.</summary>
    public string? WriteEndpoint { get; init; }

    public int KeySize { get; init; } = 64;

    public int ValueSize { get; init; } = 512;

    public int Keys { get; init; } = 10_000;

    public string Prefix { get; init; } = "/registry/bench/";

    /// <summary>Keys of a page.</summary>
    public int Limit { get; init; } = 500;

    public TimeSpan Duration { get; init; } = TimeSpan.FromSeconds(10);

    public TimeSpan Warmup { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Operations of a round at most; 0 = as many as the duration allows.</summary>
    public long Total { get; init; }

    /// <summary>Operations a second of all callers together; 0 = as fast as they can.</summary>
    public double Rate { get; init; }

    /// <summary>Per server.</summary>
    public int Rounds { get; init; } = 1;

    /// <summary>Start of all random choices, and what tells the keys of one create run from another's.</summary>
    public long Seed { get; init; }

    public bool InTurn { get; init; }

    /// <summary>Null = never.</summary>
    public TimeSpan? CompactAfter { get; init; }

    public bool Serializable { get; init; }

    /// <summary>Writes the keys that reads and updates need, unless they are there.</summary>
    public bool Load { get; init; } = true;

    public int? Pid { get; init; }

    public int? ComparePid { get; init; }

    public bool Json { get; init; }

    public ClientTls Tls { get; init; } = ClientTls.None;
}
