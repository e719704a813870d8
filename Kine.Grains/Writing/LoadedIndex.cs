using System.Diagnostics;
using Kine.Backends;
using Kine.Grains.Index;
using Microsoft.Extensions.Logging;

namespace Kine.Grains.Writing;

/// <summary>The index of a log, as scanned.</summary>
/// <param name="Index">All of its versions.</param>
/// <param name="TailFrom">From this revision on the log is small enough to be kept in memory for watches.</param>
/// <param name="RemovedBytes">What the store said of deletions before the scan: it is whole if the store says the same afterwards.</param>
internal sealed record LoadedIndex(KeyIndex Index, long TailFrom, long? RemovedBytes)
{
    /// <summary>Events of the log's tail that watches keep in memory.</summary>
    public const int TailEvents = 4096;

    /// <summary>Bytes of them.</summary>
    public const int TailBytes = 8 << 20;

    private const int ScanRecords = 65_536;

    /// <summary>Scans the log up to a revision.</summary>
    public static async Task<LoadedIndex> Load(IRevisionStore store, long lastRevision, ILogger log, CancellationToken cancellationToken)
    {
        var removed = await store.RemovedBytes(cancellationToken);
        var index = new KeyIndex();
        var tail = new Queue<(long Revision, int Bytes)>();
        long tailBytes = 0;
        var watch = Stopwatch.StartNew();
        var nextReport = TimeSpan.FromSeconds(1);
        long count = 0;
        var after = new RecordId(0, 0);
        MetadataVisitor visit = (in RecordMetadata record, ReadOnlySpan<byte> key) =>
        {
            count++;
            tail.Enqueue((record.Revision, key.Length + record.ValueLength));
            tailBytes += key.Length + record.ValueLength;
            while (tail.Count > TailEvents || tailBytes > TailBytes)
                tailBytes -= tail.Dequeue().Bytes;

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

        // Its first revision may have lost records to the bounds.
        return new LoadedIndex(index, tail.Count > 0 ? tail.Peek().Revision + 1 : lastRevision + 1, removed);
    }
}
