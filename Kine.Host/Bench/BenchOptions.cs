using Kine.Host.Client;

namespace Kine.Host.Bench;

/// <summary>The options of one run of <c>kine bench</c>.</summary>
internal sealed record BenchOptions
{
    /// <summary>What is measured.</summary>
    public required BenchMode Mode { get; init; }

    /// <summary>First server, A.</summary>
    public required string Endpoint { get; init; }

    /// <summary>Second server, B, or null.</summary>
    public string? Compare { get; init; }

    /// <summary>Callers that each wait for their reply before they go on; in watch mode the watchers.</summary>
    public int Clients { get; init; } = 64;

    /// <summary>HTTP/2 connections the callers share, per server.</summary>
    public int Connections { get; init; } = 4;

    /// <summary>Callers that write in watch mode.</summary>
    public int Writers { get; init; } = 4;

    /// <summary>Whole length of a key in bytes.</summary>
    public int KeySize { get; init; } = 64;

    /// <summary>Length of a value in bytes.</summary>
    public int ValueSize { get; init; } = 512;

    /// <summary>Number of keys that puts, updates and reads choose from.</summary>
    public int Keys { get; init; } = 10_000;

    /// <summary>What all keys begin with.</summary>
    public string Prefix { get; init; } = "/registry/bench/";

    /// <summary>Keys of a page.</summary>
    public int Limit { get; init; } = 500;

    /// <summary>Measured time of a round.</summary>
    public TimeSpan Duration { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Time before the first round that is not measured.</summary>
    public TimeSpan Warmup { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Operations of a round at most; 0 = as many as the duration allows.</summary>
    public long Total { get; init; }

    /// <summary>Operations a second of all callers together; 0 = as fast as they can.</summary>
    public double Rate { get; init; }

    /// <summary>Rounds per server.</summary>
    public int Rounds { get; init; } = 1;

    /// <summary>Start of all random choices, and what tells the keys of one create run from another's.</summary>
    public long Seed { get; init; }

    /// <summary>Puts take every key in turn, in scattered order, instead of at random.</summary>
    public bool InTurn { get; init; }

    /// <summary>Time into each round at which all older revisions are compacted away; null = never.</summary>
    public TimeSpan? CompactAfter { get; init; }

    /// <summary>Reads ask serializable, without the quorum's (or the store's) confirmation.</summary>
    public bool Serializable { get; init; }

    /// <summary>Writes the keys that reads and updates need, unless they are there.</summary>
    public bool Load { get; init; } = true;

    /// <summary>Process of A on this machine, for its CPU and memory.</summary>
    public int? Pid { get; init; }

    /// <summary>Process of B on this machine.</summary>
    public int? ComparePid { get; init; }

    /// <summary>Prints one JSON object instead of lines for people.</summary>
    public bool Json { get; init; }

    /// <summary>Certificates for https endpoints.</summary>
    public ClientTls Tls { get; init; } = ClientTls.None;
}
