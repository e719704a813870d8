namespace Kine.Backends.Sql;

/// <summary>What the SQL stores have to know of their server in the same way.</summary>
internal interface ISqlServer
{
    /// <summary>Kind and place without secrets.</summary>
    string Description { get; }

    /// <summary>Moves whenever connections were lost: older ones had better be replaced.</summary>
    int Generation { get; }

    /// <summary>Says that a connection was lost, or leads to a server that no longer writes: idle ones are not used again.</summary>
    void Lost();

    /// <summary>What an error means.</summary>
    SqlFailure Classify(Exception error);

    /// <summary>One line for people, without secrets.</summary>
    string Text(Exception error);
}
