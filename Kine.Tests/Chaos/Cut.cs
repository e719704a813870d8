namespace Kine.Tests.Chaos;

/// <summary>How a connection fails.</summary>
internal enum Cut
{
    /// <summary>Open ones are closed, new ones are refused.</summary>
    Refused,

    /// <summary>What is sent gets lost, as behind a firewall that drops packets.</summary>
    Silent,

    /// <summary>What the process sends arrives, and the answer is lost with the connection.</summary>
    AnswersLost,
}
