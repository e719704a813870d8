using Microsoft.Extensions.DependencyInjection;

namespace Kine.Grains.Hosting;

/// <summary>How the silo of this process behaves.</summary>
public sealed record GrainHostingOptions
{
    /// <summary>An activation that nobody called for this long is collected, give or take a quarter; [KeepAlive] exempts.</summary>
    public TimeSpan IdleAfter { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How long deactivation waits for running calls, and after that for OnDeactivateAsync.</summary>
    public TimeSpan DeactivationTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a caller waits for an answer.</summary>
    public TimeSpan ResponseTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Where the processes on the same store reach this one; null for a cluster of one, which opens no port.</summary>
    public PeerListener? Peers { get; init; }

    /// <summary>Where clients reach this process, as the others tell their own.</summary>
    public IReadOnlyList<string> ClientUrls { get; init; } = [];

    /// <summary>Certificates for the connections between them.</summary>
    public PeerFiles PeerFiles { get; init; } = PeerFiles.None;

    /// <summary>Loopback port on which silos of one machine find each other; 0 for a cluster of one, which opens no port.</summary>
    public int SiloPort { get; init; }

    /// <summary>The silo port of the first silo of this machine, which the others join; 0 when this one is the first.</summary>
    public int PrimarySiloPort { get; init; }

    /// <summary>Loopback port for Orleans clients outside the silos; 0 for none.</summary>
    public int GatewayPort { get; init; }

    /// <summary>Services of Orleans that a test replaces or configures.</summary>
    internal Action<IServiceCollection>? Configure { get; init; }
}
