namespace Kine.Grains.Writing;

/// <summary>
/// Where a <see cref="Writer"/> stands. A worked example: the answer to an append is lost, the database is away for ten seconds, and later the process stops.
/// <code>
///                   new requests        the batch at the store       ends with
/// Loading           "no leader"         none                         the index is loaded     -> Writing
/// Writing           accepted            appended, one at a time      an answer is lost       -> OutcomeUnknown
/// OutcomeUnknown    accepted, wait      asked after                  7 s without an answer   -> StoreAway
/// StoreAway         "timed out"         asked after, and answered    the store tells         -> Writing
/// Writing           accepted            appended                     Stop                    -> Draining
/// Draining          "server stopped"    appended                     all accepted answered   -> Ended
/// Ended             the reason          given up
/// </code>
/// Every state may also go to Ended at once, when the store has another writer or cannot be trusted any more.
/// </summary>
internal enum WriterLife
{
    /// <summary>The store is taken over and read; readers see nothing yet.</summary>
    Loading,

    /// <summary>Requests are evaluated, appended, published and answered.</summary>
    Writing,

    /// <summary>An append may or may not have landed. Requests are evaluated on top of it, but none is answered.</summary>
    OutcomeUnknown,

    /// <summary>The same for longer than a request waits: everything that waited was answered "timed out".</summary>
    StoreAway,

    /// <summary>What was accepted is finished, and nothing more is accepted.</summary>
    Draining,

    /// <summary>This writer answers nothing any more; the next one loads what the store holds.</summary>
    Ended,
}
