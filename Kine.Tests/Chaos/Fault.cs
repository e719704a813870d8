namespace Kine.Tests.Chaos;

/// <summary>What can be wrong with a history.</summary>
internal enum Fault
{
    /// <summary>The log's revisions do not go up by one each.</summary>
    LogGap,

    /// <summary>The log holds what nobody wrote.</summary>
    Invented,

    /// <summary>An acknowledged write is not in the log.</summary>
    LostWrite,

    /// <summary>A write is in the log more than once, or elsewhere than its answer says.</summary>
    DoubledWrite,

    /// <summary>A write is in the log that was answered with "did not happen".</summary>
    FailedWrite,

    /// <summary>A revision holds a part of a transaction, or more than one.</summary>
    TornWrite,

    /// <summary>A transaction happened although its guards did not hold, or did not although they held.</summary>
    WrongGuard,

    /// <summary>An answer is not the state at its revision.</summary>
    WrongRead,

    /// <summary>An answer is older than one that had come before it was asked.</summary>
    StaleAnswer,

    /// <summary>An answer shows what had not begun.</summary>
    EarlyAnswer,

    /// <summary>A serializable answer is older than an earlier one of the same process.</summary>
    SteppedBack,

    /// <summary>The calls on one key are those of no register.</summary>
    NoRegister,

    WatchGap,

    WatchDuplicate,

    WatchOrder,

    /// <summary>A watch told what is not in the log.</summary>
    WatchInvented,

    /// <summary>A watch said that it had told everything up to a revision, and had not.</summary>
    WatchProgress,

    /// <summary>A lease ended before its time.</summary>
    LeaseEarly,

    /// <summary>A lease ended and a key of it stayed, or was attached later.</summary>
    LeaseKept,

    /// <summary>The clients met an error that there should not be.</summary>
    WrongError,
}
