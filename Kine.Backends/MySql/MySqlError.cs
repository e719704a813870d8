namespace Kine.Backends.MySql;

/// <summary>An error of the server or of the client library, before anybody decided what it means for the store.</summary>
/// <param name="code">The server's or the library's number.</param>
/// <param name="message">Their text.</param>
/// <param name="statement">Which statement of the packet failed, from 0; -1 outside of one.</param>
internal sealed class MySqlError(int code, string message, int statement = -1) : Exception($"{message} (error {code})")
{
    /// <summary>The database is not there.</summary>
    public const int UnknownDatabase = 1049;

    /// <summary>A user without any right on a database, whether it is there or not.</summary>
    public const int NoRightOnDatabase = 1044;

    /// <summary>A number left its type's range: how the fence stops a packet.</summary>
    public const int OutOfRange = 1690;

    /// <summary>A row with this primary key is there already.</summary>
    public const int DuplicateKey = 1062;

    /// <summary>The server asked for a log-in that the settings do not allow.</summary>
    public const int PluginNotAllowed = 5010;

    /// <summary>The server's or the library's text alone.</summary>
    public string Text { get; } = message;

    /// <summary>The number.</summary>
    public int Code { get; } = code;

    /// <summary>Which statement of the packet failed, from 0.</summary>
    public int Statement { get; } = statement;

    /// <summary>True when the library speaks: the connection is gone, or what came over it cannot be read, and nobody knows what the server did.</summary>
    public bool IsLost => Code is (>= 2000 and < 3000) or (>= 5000 and < 6000);

    /// <summary>
    /// True when the server rolled the transaction back because of another one, also at its commit: deadlock, or a certification that failed (Galera
    /// says 1213 too, group replication 3101). It may be tried again at once.
    /// </summary>
    public bool IsConflict => Code is 1213 or 3101 or 1020;

    /// <summary>
    /// True when a server that answers so to COMMIT has not committed: conflicts, a lock wait that ran out (a backup holds commits up), read-only, no member
    /// of a Galera cluster's majority, refused by group replication. Anything else said at COMMIT leaves it open.
    /// </summary>
    public bool RefusesCommit => IsConflict || Code is 1205 or 1290 or 1792 or 1836 or 1047 or 3100;

    /// <summary>
    /// True when another try may go well after a moment, perhaps on a new connection: lost, server starting, stopping or full, session killed.
    /// </summary>
    public bool IsPassing => IsLost || IsConflict || Code is 1040 or 1047 or 1053 or 1077 or 1079 or 1152 or 1158 or 1159 or 1160 or 1161 or 1203 or 1205 or 1317
        or 1927 or 3168 or 3169 or 4031;

    /// <summary>
    /// True when a session cannot begin until somebody changes something: wrong password, unknown plugin, TLS, no right on the database, a session variable
    /// that does not exist.
    /// </summary>
    public bool RefusesSession => Code is 1044 or 1045 or 1049 or 1130 or 1141 or 1142 or 1193 or 1227 or 1229 or 1231 or 1232 or 1238 or 1251 or 1275 or 1524 or 1698 or 1862 or 2026 or 2049 or 2054 or 2058 or 2059
        or 2061 or 3118 or 3159 or 4151 or 5010;

    /// <summary>The same error of the statement at another place.</summary>
    public MySqlError At(int statement) => new(Code, Text, statement);

    /// <summary>What the store's caller is told once nothing can have been written.</summary>
    /// <param name="place">The store's description.</param>
    public StoreUnavailableException Unavailable(string place) => new($"{place} is not available: {Message}", this);
}
