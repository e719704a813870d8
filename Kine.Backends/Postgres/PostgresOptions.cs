using Kine.Backends.Identity;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Kine.Backends.Postgres;

/// <summary>Settings of the PostgreSQL store.</summary>
public sealed record PostgresOptions
{
    /// <summary>The servers, in the order they are tried.</summary>
    public required IReadOnlyList<PostgresHost> Hosts { get; init; }

    /// <summary>Database; created when it is missing.</summary>
    public required string Database { get; init; }

    /// <summary>Role that logs in.</summary>
    public required string Username { get; init; }

    /// <summary>Its password; null = from <see cref="PasswordProvider"/>, PGPASSWORD or the password file.</summary>
    public string? Password { get; init; }

    /// <summary>Asked for the password of each new physical connection, for log-ins whose secrets expire; null = <see cref="Password"/>.</summary>
    public Func<PostgresHost, CancellationToken, ValueTask<string>>? PasswordProvider { get; init; }

    /// <summary>Password file; null = PGPASSFILE or <c>~/.pgpass</c>.</summary>
    public string? PasswordFile { get; init; }

    /// <summary>Whether and how the connection is encrypted and the server's certificate checked.</summary>
    public SslMode SslMode { get; init; } = SslMode.Prefer;

    /// <summary>How encryption is begun; null = by asking first.</summary>
    public SslNegotiation? SslNegotiation { get; init; }

    /// <summary>CA of the server's certificate (PEM file); null = libpq's default file, else the system's.</summary>
    public string? RootCertificate { get; init; }

    /// <summary>Certificate shown to the server (PEM or PFX file).</summary>
    public string? Certificate { get; init; }

    /// <summary>Private key of that certificate (PEM file).</summary>
    public string? Key { get; init; }

    /// <summary>Password of the private key.</summary>
    public string? KeyPassword { get; init; }

    /// <summary>Where tickets for a log-in by GSSAPI come from; null = the process's own default, if the server should ask for one.</summary>
    public KerberosLogin? Kerberos { get; init; }

    /// <summary>Whether the connection is encrypted by Kerberos instead of TLS.</summary>
    public GssEncryptionMode GssEncryption { get; init; } = GssEncryptionMode.Disable;

    /// <summary>Service part of the server's Kerberos principal.</summary>
    public string KerberosService { get; init; } = "postgres";

    /// <summary>Name the server shows for our sessions.</summary>
    public string ApplicationName { get; init; } = "kine";

    /// <summary>Which of the hosts will do: Any, Primary or ReadWrite.</summary>
    public TargetSessionAttributes Target { get; init; } = TargetSessionAttributes.Primary;

    /// <summary>Schemas in which tables are looked for and, in the first, created; null = the server's setting.</summary>
    public string? SearchPath { get; init; }

    /// <summary>Further settings of the session, in the form of libpq's <c>options</c>: <c>-c name=value</c>; null = none.</summary>
    public string? SessionOptions { get; init; }

    /// <summary>Time to open one connection.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Whether statements are prepared; null = where no connection pooler is found in between, which might not keep them.</summary>
    public bool? Prepare { get; init; }

    /// <summary>Open connections at most.</summary>
    public int MaxConnections { get; init; } = 20;

    /// <summary>False = a connection is closed after each use.</summary>
    public bool KeepIdle { get; init; } = true;

    /// <summary>Idle time after which a connection is closed; zero = never.</summary>
    public TimeSpan MaxIdleTime { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>Age at which a connection is replaced; zero = never.</summary>
    public TimeSpan MaxLifetime { get; init; }

    /// <summary>Time an append of ordinary size may take before its outcome counts as unknown.</summary>
    public TimeSpan AppendTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long opening the store waits for a server that is not there yet.</summary>
    public TimeSpan OpenTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Statements slower than this are logged; zero = none.</summary>
    public TimeSpan SlowSqlThreshold { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Statements slower than this are logged as warnings; zero = none.</summary>
    public TimeSpan SlowSqlWarningThreshold { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Where the store says what people should know; never secrets.</summary>
    public ILoggerFactory Logging { get; init; } = NullLoggerFactory.Instance;

    /// <summary>Kind and place without secrets.</summary>
    public string Description => $"postgres {string.Join(',', Hosts)}/{Database}";

    // A record prints all of its properties; this one holds secrets.
    /// <inheritdoc/>
    public override string ToString() => Description;
}
