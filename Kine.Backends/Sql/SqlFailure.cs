namespace Kine.Backends.Sql;

/// <summary>What an error says of the statement it happened in.</summary>
internal enum SqlFailure
{
    /// <summary>The database did not speak: the error is the program's own.</summary>
    None,

    /// <summary>The server refused, before anything was committed.</summary>
    Refused,

    /// <summary>The same, for want of space.</summary>
    Full,

    /// <summary>The server rolled back because of others' transactions: the same statement may succeed at once.</summary>
    Conflict,

    /// <summary>This session may not write: the server's role or settings forbid it.</summary>
    ReadOnly,

    /// <summary>The connection is gone, or the server takes no more of it, and nobody knows what the server did.</summary>
    Lost,

    /// <summary>The time for an answer ran out.</summary>
    TimedOut,
}
