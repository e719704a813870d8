using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Kine.Backends.Endpoints;

/// <summary>What the command line says about the connection to the database, beside the endpoint itself. Names and meaning are upstream kine's.</summary>
public sealed record StoreSettings
{
    /// <summary>CA of the database's certificate (PEM file); empty = the system's.</summary>
    public string CaFile { get; init; } = "";

    /// <summary>Certificate shown to the database (PEM file); empty = none.</summary>
    public string CertFile { get; init; } = "";

    /// <summary>Private key of that certificate (PEM file).</summary>
    public string KeyFile { get; init; } = "";

    /// <summary>True = take any certificate of the database.</summary>
    public bool SkipVerify { get; init; }

    /// <summary>Idle connections that are kept; 0 = the driver's default, below 0 = none.</summary>
    public int MaxIdleConnections { get; init; } = 20;

    /// <summary>Open connections; 0 or less = no limit.</summary>
    public int MaxOpenConnections { get; init; }

    /// <summary>Age at which a connection is replaced; zero or less = never.</summary>
    public TimeSpan ConnectionMaxLifetime { get; init; }

    /// <summary>Idle time after which a connection is closed; zero or less = never.</summary>
    public TimeSpan ConnectionMaxIdleTime { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>Statements slower than this are logged; zero or less = none.</summary>
    public TimeSpan SlowSqlThreshold { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Statements slower than this are logged as warnings.</summary>
    public TimeSpan SlowSqlWarningThreshold { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Who gives the database password: empty, <c>aws</c> or <c>azure</c>.</summary>
    public string IdentityProvider { get; init; } = "";

    /// <summary>What Entra ID's tokens are for (a scope); empty = by the cloud that the host is in.</summary>
    public string IdentityScope { get; init; } = "";

    /// <summary>Where a store says what people should know; never secrets.</summary>
    public ILoggerFactory Logging { get; init; } = NullLoggerFactory.Instance;
}
