using System.Net.Sockets;
using Kine.Backends.Sql;
using Npgsql;

namespace Kine.Backends.Postgres;

/// <summary>What a failure of Npgsql says about the statement it happened in. SQLSTATE codes: PostgreSQL's manual, appendix A.</summary>
internal static class PostgresError
{
    public const string DuplicateDatabase = "42P04";
    public const string UniqueViolation = "23505";
    public const string DatabaseInUse = "55006";
    private const string PoolerError = "08P01"; // protocol_violation, PgBouncer's code for everything

    /// <summary>See <see cref="ISqlServer.Classify"/>.</summary>
    public static SqlFailure Classify(Exception error) => error switch
    {
        PostgresException { SqlState: "40001" or "40P01" } => SqlFailure.Conflict,
        PostgresException { SqlState: "53100" } => SqlFailure.Full,
        PostgresException { SqlState: "25006" } => SqlFailure.ReadOnly, // a standby, or default_transaction_read_only
        PostgresException { SqlState: "57014" } or NpgsqlException { InnerException: TimeoutException } => SqlFailure.TimedOut,
        // Not what ends the session, nor an operator's intervention (class 57), which may come after the commit, nor what a pooler says of a lost
        // server (class 08).
        PostgresException { InvariantSeverity: "ERROR" } refusal when refusal.SqlState[..2] is not ("57" or "08") => SqlFailure.Refused,
        NpgsqlException or IOException or SocketException or TimeoutException or InvalidOperationException or WrongServerException => SqlFailure.Lost,
        _ => SqlFailure.None,
    };

    /// <summary>True when connecting may succeed a moment later: nobody listens, starting up, too many connections, a standby being promoted.</summary>
    public static bool MayPass(Exception error) => error switch
    {
        PostgresException { SqlState: PoolerError } pooler => !IsFinal(pooler.MessageText),
        PostgresException refusal => refusal.SqlState[..2] is "53" or "57" or "08" or "40",
        WrongServerException => true,
        NpgsqlException failure => failure.InnerException is SocketException or IOException or TimeoutException or StoreUnavailableException,
        SocketException or TimeoutException => true,
        _ => false,
    };

    /// <summary>True when the database is not there. PgBouncer passes the server's words on under its own code.</summary>
    public static bool IsUnknownDatabase(Exception? error) =>
        error is PostgresException { SqlState: "3D000" }
        || (error is PostgresException { SqlState: PoolerError } pooler && IsFinal(pooler.MessageText)
            && pooler.MessageText.StartsWith("database ", StringComparison.Ordinal));

    // What PgBouncer says of a client it will never let in; the rest is about servers that may come back.
    private static bool IsFinal(string text) =>
        !text.Contains("has been failing", StringComparison.Ordinal)
        && (text.Contains("does not exist", StringComparison.Ordinal) || text.Contains("no such", StringComparison.Ordinal)
            || text.Contains("unsupported startup parameter", StringComparison.Ordinal) || text.Contains("authentication failed", StringComparison.Ordinal));

    /// <summary>True when a log-in by GSSAPI failed: the server refused the ticket, or there is none.</summary>
    public static bool IsKerberos(NpgsqlException error) => error is PostgresException refusal
        ? refusal.SqlState == "28000" && refusal.MessageText.Contains("GSSAPI", StringComparison.Ordinal)
        : error.Message.Contains("GSS", StringComparison.Ordinal);

    /// <summary>One line for people. Holds no secret: Npgsql leaves passwords and, unless asked for, row contents out.</summary>
    public static string Text(Exception error) => error switch
    {
        PostgresException refusal => $"{refusal.MessageText} ({refusal.SqlState})",
        { InnerException: { } inner } => $"{error.Message.TrimEnd('.')}: {Text(inner)}",
        _ => error.Message,
    };
}
