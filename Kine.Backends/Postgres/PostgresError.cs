using System.Net.Sockets;
using Npgsql;

namespace Kine.Backends.Postgres;

/// <summary>What a failure of Npgsql says about the statement it happened in. SQLSTATE codes: PostgreSQL's manual, appendix A.</summary>
internal static class PostgresError
{
    public const string DuplicateDatabase = "42P04";
    public const string UniqueViolation = "23505";
    public const string DatabaseInUse = "55006";
    private const string PoolerError = "08P01"; // protocol_violation, PgBouncer's code for everything

    /// <summary>
    /// True when the server itself refused, before anything was committed. Not so for what ends the session, for an operator's
    /// intervention (class 57), which may come after the commit, or for what a pooler says of a lost server (class 08).
    /// </summary>
    public static bool IsRefusal(Exception error) =>
        error is PostgresException { InvariantSeverity: "ERROR" } refusal && refusal.SqlState[..2] is not ("57" or "08");

    /// <summary>True when the server rolled back because of others' transactions: the same statement may succeed at once.</summary>
    public static bool IsConflict(Exception error) => error is PostgresException { SqlState: "40001" or "40P01" };

    /// <summary>True when this session may not write: a standby, or default_transaction_read_only.</summary>
    public static bool IsReadOnly(Exception error) => error is PostgresException { SqlState: "25006" };

    /// <summary>True for everything by which Npgsql says that a connection or a statement failed.</summary>
    public static bool IsFailure(Exception error) =>
        error is NpgsqlException or IOException or SocketException or TimeoutException or InvalidOperationException or WrongServerException;

    /// <summary>True when the time for a read ran out.</summary>
    public static bool IsTimeout(Exception error) => error is PostgresException { SqlState: "57014" } or { InnerException: TimeoutException };

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
