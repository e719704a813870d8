namespace Kine.Tests.Chaos;

/// <summary>What a client knows about its call.</summary>
internal enum Outcome
{
    /// <summary>It was answered.</summary>
    Done,

    /// <summary>It was answered with an error that says that it did not happen and never will.</summary>
    Refused,

    /// <summary>No answer, or an error that leaves it open.</summary>
    Unknown,
}
