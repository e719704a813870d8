using Kine.Grains.Reads;
using Kine.Grains.Values;
using Kine.Grains.Watch;
using Kine.Grains.Writing;

namespace Kine.Grains.Cluster;

/// <summary>
/// The past as a process reads it. Where the writer is: records from the store, what was before them from the index. Elsewhere: events from the writer, values from
/// this process's cache and store.
/// </summary>
public sealed class EventHistory(ProcessState local, IGrainFactory grains) : IEventHistory
{
    private PublishedState State => local.Writer?.State ?? local.Remote;

    public long PublishedRevision => State.Revision;

    public long CompactRevision => State.CompactRevision;

    public async Task<EventPage> ReadEvents(long from, long to, int maxEvents, long maxBytes, CancellationToken cancellationToken)
    {
        if (local.Writer is not { } view)
            return await PullEvents(from, to);

        return await LogEvents.Read(local.Store, view.Index, from, to, maxEvents, maxBytes, cancellationToken);
    }

    public ValueTask<ReadOnlyMemory<byte>?[]> ReadKeyValues(IReadOnlyList<VersionedKey> versions, CancellationToken cancellationToken) =>
        local.Values.Read(versions, cancellationToken);

    private async Task<EventPage> PullEvents(long from, long to)
    {
        var writer = grains.GetGrain<IRevisionGrain>(RevisionGrain.Key);
        try
        {
            var batch = await writer.Pull(from - 1);
            local.Advance(new PublishedState(batch.LastRevision, batch.CompactRevision, 0));
            if (batch.LastRevision < from)
                throw EtcdErrors.NoLeader; // it will have it once it is loaded; the hub tries again

            // The writer may be further than the caller: what is above its revision comes to the watches another way.
            return batch.LastRevision <= to ? new EventPage(batch.Events, batch.LastRevision) : new EventPage(UpTo(batch.Events, to), to);
        }
        catch (EtcdException error) when (error.Code == StatusCode.OutOfRange)
        {
            // The caller looks at the mark and sees that these are gone.
            local.Advance(await writer.Current());
            return new EventPage([], to);
        }
    }

    private static List<KeyEvent> UpTo(IReadOnlyList<KeyEvent> events, long revision) => [.. events.TakeWhile(change => change.Revision <= revision)];
}
