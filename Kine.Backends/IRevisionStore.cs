using System.Net;

namespace Kine.Backends;

/// <summary>Called once for each record of a scan; the key is only valid during the call.</summary>
public delegate void MetadataVisitor(in RecordMetadata record, ReadOnlySpan<byte> key);

/// <summary>Bytes the store takes on disk, and how many of them hold data.</summary>
public readonly record struct StoreSize(long Total, long InUse);

/// <summary>
/// The log and its side state in one database. One activation appends (the fence decides which); any process may read.
/// Errors: <see cref="FencedException"/> when the fence refused, <see cref="OutcomeUnknownException"/> when an append may or may not have
/// landed, <see cref="StoreUnavailableException"/> when it certainly did not and trying again later may help,
/// <see cref="StoreBrokenException"/> when the process must end.
/// </summary>
public interface IRevisionStore : IAsyncDisposable
{
    /// <summary>Kind and place of the store for people, without secrets: <c>sqlite ./db/state.db</c>.</summary>
    string Description { get; }

    /// <summary>True when the open store itself keeps every other process out for life (SQLite's side file), so that holding it is proof.</summary>
    bool IsExclusive { get; }

    /// <summary>
    /// True from when space ran out until there is some again, which the store finds out by itself. What is appended meanwhile should make room (tombstones, a
    /// compaction mark): it may use a reserve, where the store keeps one.
    /// </summary>
    bool IsFull => false;

    /// <summary>Sentences for the log at start where settings give up what an acknowledged write promises; known once open.</summary>
    IReadOnlyList<string> Warnings => [];

    /// <summary>Where the database's servers listen, as the endpoint names them; none where they are on this machine for certain, or there is none.</summary>
    IReadOnlyList<DnsEndPoint> Servers => [];

    /// <summary>
    /// Where several processes on this store keep who they are, once it is open; null where one process alone uses it.
    /// </summary>
    ISharedDocument? Membership => null;

    /// <summary>Connects; creates the database and schema, or upgrades an older one. Throws <see cref="StoreRefusedException"/> with a sentence for people.</summary>
    Task Open(CancellationToken cancellationToken);

    /// <summary>The fence row as committed.</summary>
    Task<Fence> ReadFence(CancellationToken cancellationToken);

    /// <summary>
    /// Compare-and-swap on <paramref name="seen"/>'s epoch and counter: epoch + 1, counter + 1, the new holder, last revision kept.
    /// Returns the row as written, or null when somebody else was faster.
    /// </summary>
    Task<Fence?> TakeOver(Fence seen, Guid holder, string address, TimeSpan leaseTime, CancellationToken cancellationToken);

    /// <summary>Moves the counter as a sign of life; <see cref="FencedException"/> when the token no longer holds.</summary>
    Task Renew(FenceToken token, CancellationToken cancellationToken);

    /// <summary>Gives the fence up, so that the next taker need not wait.</summary>
    Task Release(FenceToken token, CancellationToken cancellationToken);

    /// <summary>
    /// Appends the batch atomically and durably: returns only when it survives a crash. Never cancelled half-way. One call at a time.
    /// </summary>
    Task Append(AppendBatch batch);

    /// <summary>
    /// Visits up to <paramref name="maxRecords"/> records after <paramref name="after"/> up to revision <paramref name="toRevision"/> in log order,
    /// without values. Returns the last visited id, or null when none was left. A short query of its own; call again for more.
    /// </summary>
    Task<RecordId?> ScanMetadata(RecordId after, long toRevision, int maxRecords, MetadataVisitor visit, CancellationToken cancellationToken);

    /// <summary>
    /// Whole records after <paramref name="after"/> up to revision <paramref name="toRevision"/> in log order; at most <paramref name="maxRecords"/> and, past
    /// the first, about <paramref name="maxBytes"/> of keys and values. Empty when none is left.
    /// </summary>
    Task<List<LogRecord>> ReadRecords(RecordId after, long toRevision, int maxRecords, long maxBytes, CancellationToken cancellationToken);

    /// <summary>Values by id, in the order of <paramref name="ids"/>; null where no such record is stored (compacted away).</summary>
    Task<byte[]?[]> ReadValues(ReadOnlyMemory<RecordId> ids, CancellationToken cancellationToken);

    /// <summary>
    /// Deletes records that compaction made unreachable; ids that are already gone are ignored. Keep the lists small: it shares the appender's connection.
    /// </summary>
    Task Delete(ReadOnlyMemory<RecordId> ids, CancellationToken cancellationToken);

    /// <summary>
    /// A number that every deletion changes, of any process: what was read between two equal answers had nothing deleted from it. Always 0 where one process alone
    /// uses the store.
    /// </summary>
    Task<long> Deletions(CancellationToken cancellationToken) => Task.FromResult(0L);

    /// <summary>All rows of side state.</summary>
    Task<List<SideRow>> ReadSide(CancellationToken cancellationToken);

    /// <summary>Present size; cheap enough for every Status call.</summary>
    ValueTask<StoreSize> Size(CancellationToken cancellationToken);

    /// <summary>Gives free space back to the file system as far as the store can.</summary>
    Task Defragment(CancellationToken cancellationToken);
}
