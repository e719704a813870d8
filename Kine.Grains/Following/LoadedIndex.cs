using System.Diagnostics;
using Kine.Backends;
using Kine.Grains.Index;
using Microsoft.Extensions.Logging;

namespace Kine.Grains.Following;

/// <summary>The index of a log, as scanned.</summary>
/// <param name="Index">All of its versions.</param>
/// <param name="Revision">The log's last revision then.</param>
/// <param name="Tail">What of it may be kept in memory for watches.</param>
internal sealed record LoadedIndex(KeyIndex Index, long Revision, TailBound Tail)
{
    private const int ScanRecords = 65_536;
    private static readonly TimeSpan StillTime = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// Scans the log up to <paramref name="lastRevision"/>, without one up to the fence's. Again while another process deletes: where that takes a tombstone which the
    /// scan has yet to come to, a deleted key would be back.
    /// </summary>
    public static async Task<LoadedIndex> Load(IRevisionStore store, long? lastRevision, ILogger log, CancellationToken cancellationToken)
    {
        while (true)
        {
            // In this order, so that the mark below which anything was deleted before the scan is not above the scan's end.
            var deletions = await store.Deletions(cancellationToken);
            var last = lastRevision ?? (await store.ReadFence(cancellationToken)).LastRevision;
            var loaded = await Scan(store, last, log, cancellationToken);
            if (await store.Deletions(cancellationToken) == deletions)
                return loaded;

            log.LogInformation("Another process deleted records meanwhile; loading the index again");
            await WaitForStillness(store, cancellationToken);
        }
    }

    private static async Task WaitForStillness(IRevisionStore store, CancellationToken cancellationToken)
    {
        long before;
        do
        {
            before = await store.Deletions(cancellationToken);
            await Task.Delay(StillTime, cancellationToken);
        }
        while (await store.Deletions(cancellationToken) != before);
    }

    private static async Task<LoadedIndex> Scan(IRevisionStore store, long lastRevision, ILogger log, CancellationToken cancellationToken)
    {
        var index = new KeyIndex();
        var tail = new TailBound();
        var watch = Stopwatch.StartNew();
        var nextReport = TimeSpan.FromSeconds(1);
        long count = 0;
        var after = new RecordId(0, 0);
        MetadataVisitor visit = (in RecordMetadata record, ReadOnlySpan<byte> key) =>
        {
            count++;
            tail.Add(record.Revision, key.Length + record.ValueLength);
            index.Apply(key, KeyVersion.Of(record));
        };
        index.BeginLoad();
        await using var loader = new IndexLoader(visit);
        while (await store.ScanMetadata(after, lastRevision, ScanRecords, loader.Add, cancellationToken) is { } last)
        {
            after = last;
            if (watch.Elapsed > nextReport)
            {
                log.LogInformation("Loading the index: {Count} records, revision {Revision} of {Last}", Volatile.Read(ref count), last.Revision, lastRevision);
                nextReport = watch.Elapsed + TimeSpan.FromSeconds(1);
            }
        }

        await loader.Finish();
        index.FinishLoad();
        return new LoadedIndex(index, lastRevision, tail);
    }
}
