using Kine.Grains.Reads;
using Kine.Grains.Values;
using Kine.Grains.Watch;
using Kine.Grains.Writing;

namespace Kine.Grains.Cluster;

/// <summary>
/// The past as a process reads it: records from the store, what was before them from the index, the writer's or the replica. What the replica does not have yet is
/// asked of the writer.
/// </summary>
public sealed class EventHistory(ProcessState local, IGrainFactory grains) : IEventHistory
{
    private PublishedState State => local.Writer?.State ?? local.Remote;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(7);

    private IRevisionGrain Writer => grains.GetGrain<IRevisionGrain>(RevisionGrain.Key);

    public long PublishedRevision => State.Revision;

    public long CompactRevision => State.CompactRevision;

    public async Task<EventPage> ReadEvents(long from, long to, int maxEvents, long maxBytes, CancellationToken cancellationToken)
    {
        if (local.Writer is { } view)
            return await LogEvents.Read(local.Store, view.Index, from, to, maxEvents, maxBytes, cancellationToken);

        if (local.Replica.TryAt(new PublishedState(to, -1, 0)) is not { } replica)
            return await PullEvents(from, to);

        var page = await LogEvents.Read(local.Store, replica.Index, from, to, maxEvents, maxBytes, cancellationToken);

        // The caller looks at the mark: what is below it may be missing from the page.
        local.Advance(await RemoteCall.Repeated(() => Writer.Current(), Patience, TimeProvider.System));
        return page;
    }

    public ValueTask<ReadOnlyMemory<byte>?[]> ReadKeyValues(IReadOnlyList<VersionedKey> versions, CancellationToken cancellationToken) =>
        local.Values.Read(versions, cancellationToken);

    private async Task<EventPage> PullEvents(long from, long to)
    {
        try
        {
            var batch = await Writer.Pull(from - 1);
            local.Advance(new PublishedState(batch.LastRevision, batch.CompactRevision, 0));
            if (batch.LastRevision < from)
                throw EtcdErrors.NoLeader; // it will have it once it is loaded; the hub tries again

            // The writer may be further than the caller: what is above its revision comes to the watches another way.
            return batch.LastRevision <= to ? new EventPage(batch.Events, batch.LastRevision) : new EventPage(UpTo(batch.Events, to), to);
        }
        catch (EtcdException error) when (error.Code == StatusCode.OutOfRange)
        {
            // The caller looks at the mark and sees that these are gone.
            local.Advance(await Writer.Current());
            return new EventPage([], to);
        }
    }

    private static List<KeyEvent> UpTo(IReadOnlyList<KeyEvent> events, long revision) => [.. events.TakeWhile(change => change.Revision <= revision)];
}
