using System.Net.Sockets;
using System.Security.Authentication;
using Kine.Backends.Sql;
using MySqlConnector;

namespace Kine.Backends.MySql;

/// <summary>What a failure of the client library says about the statement it happened in. Numbers: MySQL's and MariaDB's error references.</summary>
internal static class MySqlError
{
    /// <summary>The database is not there.</summary>
    public const int UnknownDatabase = 1049;

    /// <summary>A user without any right on a database, whether it is there or not.</summary>
    public const int NoRightOnDatabase = 1044;

    /// <summary>A number left its type's range: how the fence stops a packet.</summary>
    public const int OutOfRange = 1690;

    /// <summary>A row with this primary key is there already.</summary>
    public const int DuplicateKey = 1062;

    /// <summary>The server's number; 0 where the server did not speak.</summary>
    public static int Code(Exception error) => error is MySqlException { SqlState: not null } spoken ? spoken.Number : 0;

    /// <summary>See <see cref="ISqlServer.Classify"/>.</summary>
    public static SqlFailure Classify(Exception error) => error switch
    {
        MySqlException { SqlState: not null } spoken => Classify(spoken.Number),
        MySqlException { ErrorCode: MySqlErrorCode.CommandTimeoutExpired } => SqlFailure.TimedOut,
        MySqlException or LoginRefusedException or IOException or SocketException or InvalidOperationException or NotSupportedException => SqlFailure.Lost,
        _ => SqlFailure.None,
    };

    private static SqlFailure Classify(int code) => code switch
    {
        // Deadlock, or a certification that failed: Galera says 1213 too, group replication 3101.
        1213 or 3101 or 1020 => SqlFailure.Conflict,
        1290 or 1792 or 1836 => SqlFailure.ReadOnly,
        1021 or 1114 => SqlFailure.Full,
        _ when IsPassing(code) => SqlFailure.Lost,
        _ => SqlFailure.Refused,
    };

    // Server starting, stopping or full, session killed or idle for too long.
    private static bool IsPassing(int code) =>
        code is 1040 or 1047 or 1053 or 1077 or 1079 or 1152 or 1158 or 1159 or 1160 or 1161 or 1203 or 1317 or 1927 or 3168 or 3169 or 4031;

    /// <summary>
    /// True when a server that answers so to COMMIT has not committed: conflicts, a lock wait that ran out (a backup holds commits up), read-only, no member
    /// of a Galera cluster's majority, refused by group replication. Anything else said at COMMIT leaves it open.
    /// </summary>
    public static bool RefusesCommit(Exception error) => Code(error) is 1213 or 3101 or 1020 or 1205 or 1290 or 1792 or 1836 or 1047 or 3100;

    /// <summary>True when connecting may succeed a moment later.</summary>
    public static bool MayPass(Exception error) => !RefusesSession(error) && Classify(error) is SqlFailure.Lost or SqlFailure.TimedOut;

    /// <summary>
    /// True when a session cannot begin until somebody changes something: wrong password, unknown plugin, TLS, no right on the database, a session variable
    /// that does not exist.
    /// </summary>
    public static bool RefusesSession(Exception error)
    {
        for (var cause = error; cause is not null; cause = cause.InnerException)
        {
            if (cause is LoginRefusedException or AuthenticationException or NotSupportedException)
                return true;
        }
        return Code(error) is 1044 or 1045 or 1049 or 1130 or 1141 or 1142 or 1193 or 1227 or 1229 or 1231 or 1232 or 1238 or 1251 or 1275 or 1524 or 1698
            or 1862 or 3118 or 3159 or 4151;
    }

    /// <summary>One line for people. Holds no secret.</summary>
    public static string Text(Exception error) => error switch
    {
        MySqlException { SqlState: not null } spoken => $"{spoken.Message} (error {spoken.Number})",
        { InnerException: { } inner } => $"{error.Message.TrimEnd('.')}: {Text(inner)}",
        _ => error.Message,
    };
}
