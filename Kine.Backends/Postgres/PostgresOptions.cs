using Kine.Backends.Endpoints;
using Kine.Backends.Identity;
using Npgsql;

namespace Kine.Backends.Postgres;

/// <summary>Settings of the PostgreSQL store.</summary>
public sealed record PostgresOptions
{
    /// <summary>The servers, in the order they are tried.</summary>
    public required IReadOnlyList<PostgresHost> Hosts { get; init; }

    /// <summary>
    /// What every connection is opened with, in the client library's words. It names the database, which is created when it is missing; host and port are those
    /// of one of <see cref="Hosts"/>.
    /// </summary>
    public required NpgsqlConnectionStringBuilder Connection { get; init; }

    /// <summary>Asked for the password of each new physical connection, for log-ins whose secrets expire; null = that of <see cref="Connection"/>.</summary>
    public Func<PostgresHost, CancellationToken, ValueTask<string>>? PasswordProvider { get; init; }

    /// <summary>Where tickets for a log-in by GSSAPI come from; null = the process's own default, if the server should ask for one.</summary>
    public KerberosLogin? Kerberos { get; init; }

    /// <summary>Which of the hosts will do: Any, Primary or ReadWrite.</summary>
    public TargetSessionAttributes Target { get; init; } = TargetSessionAttributes.Primary;

    /// <summary>Whether statements are prepared; null = where no connection pooler is found in between, which might not keep them.</summary>
    public bool? Prepare { get; init; }

    /// <summary>Time an append of ordinary size may take before its outcome counts as unknown.</summary>
    public TimeSpan AppendTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long opening the store waits for a server that is not there yet.</summary>
    public TimeSpan OpenTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>What the command line says.</summary>
    public StoreSettings Settings { get; init; } = new();

    /// <summary>Kind and place without secrets.</summary>
    public string Description => $"postgres {string.Join(',', Hosts)}/{Connection.Database}";

    /// <summary>Time to open one connection.</summary>
    internal TimeSpan ConnectTimeout => TimeSpan.FromSeconds(Connection.Timeout);

    // A record prints all of its properties; this one holds secrets.
    public override string ToString() => Description;
}
