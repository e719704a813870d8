using Kine.Backends;
using Kine.Grains.Index;
using Kine.Grains.Reads;
using Kine.Grains.Values;
using Kine.Grains.Watch;

namespace Kine.Grains.Cluster;

/// <summary>What a follower asks of the writer.</summary>
public interface IFollowedWriter
{
    /// <summary>What is published now.</summary>
    Task<PublishedState> Current();

    /// <summary>Whole revisions after the given one, as one batch that joins on to it; throws "compacted" when they are gone.</summary>
    Task<EventBatch> Pull(long after);

    /// <summary>Live keys of a prefix at a revision, behind a key; throws "compacted" when that revision is gone.</summary>
    Task<IndexPiece> ReadIndex(byte[] prefix, long revision, byte[]? afterKey);
}

/// <summary>
/// An index of one prefix that follows the writer's over a channel that may lose, repeat and reorder batches. A worked example, at revision 20:
/// <code>
/// (20, 22]  joins on: applied, also when none of its events is under the prefix
/// (20, 22]  a repeat: dropped
/// (25, 26]  a gap: buffered, until a read or a timer pulls what comes after 22
/// </code>
/// One caller at a time; reads go to <see cref="View"/> from any thread.
/// </summary>
public sealed class IndexFollower(byte[] prefix, IFollowedWriter writer, ValueReader values)
{
    private const int MaxBuffered = 256;
    private const int DropRows = 1000;

    private readonly SortedList<long, EventBatch> _buffered = [];
    private KeyspaceView? _view;
    private KeyIndex _index = new();
    private Task? _pulling;
    private bool _loading;
    private long _mark = -1; // highest heard of, which may be ahead of what is applied

    /// <summary>What reads are answered from; loaded by <see cref="Load"/>.</summary>
    public KeyspaceView View => _view ?? throw EtcdErrors.NoLeader;

    /// <summary>The oldest revision that can be read here: the one it was loaded at.</summary>
    public long Floor { get; private set; }

    /// <summary>The last revision applied.</summary>
    public long Revision => View.State.Revision;

    /// <summary>Copies the prefix as it is now; batches received meanwhile are applied on top.</summary>
    public async Task Load()
    {
        // What is read meanwhile stays as it is, so that the copy, which is of a later time, cannot be behind it.
        _loading = true;
        try
        {
            while (!await TryLoad(await writer.Current()))
            {
            }
        }
        finally
        {
            _loading = false;
        }

        ApplyBuffered();
    }

    /// <summary>Takes a batch as it comes.</summary>
    public void Receive(EventBatch batch)
    {
        _mark = Math.Max(_mark, batch.CompactRevision);
        if (_view is not null && batch.LastRevision <= Revision)
        {
            RaiseMark();
            return;
        }

        if (_view is not null && !_loading && batch.PreviousRevision <= Revision)
        {
            Apply(batch);
            ApplyBuffered();
            return;
        }

        var same = _buffered.TryGetValue(batch.PreviousRevision, out var known);
        if (same ? known!.LastRevision < batch.LastRevision : _buffered.Count < MaxBuffered)
            _buffered[batch.PreviousRevision] = batch; // what finds no room is pulled when somebody needs it
    }

    /// <summary>
    /// Completes once everything up to what the writer said it has published is applied, its compaction mark too, pulling what did not come by itself. Throws
    /// "no leader" when the writer does not have what it said.
    /// </summary>
    public async Task CatchUp(PublishedState current)
    {
        _mark = Math.Max(_mark, current.CompactRevision);
        while (Revision < current.Revision)
        {
            var before = Revision;
            var shared = _pulling is { IsCompleted: false };
            if (!shared)
                _pulling = Pull();

            // What a pull brings that began earlier may have come by itself meanwhile.
            await SharedTask.Wait(_pulling!);
            if (Revision == before && !shared)
                throw EtcdErrors.NoLeader;
        }

        RaiseMark();
    }

    // False = compaction went past the revision that was being copied.
    private async Task<bool> TryLoad(PublishedState state)
    {
        var index = new KeyIndex();
        index.BeginLoad();
        try
        {
            byte[]? last = null;
            IndexPiece piece;
            do
            {
                piece = await writer.ReadIndex(prefix, state.Revision, last);
                for (var i = 0; i < piece.Keys.Count; i++)
                    index.Load(piece.Keys[i], piece.Versions[i]);

                last = piece.Keys.Count > 0 ? piece.Keys[^1] : last;
            }
            while (!piece.Last);
        }
        catch (EtcdException error) when (error.Code == StatusCode.OutOfRange)
        {
            return false;
        }

        index.FinishLoad();
        _index = index;
        Floor = state.Revision;
        _mark = Math.Max(_mark, state.CompactRevision);
        _view = new KeyspaceView(index, values, new CompactionPins(), state);
        return true;
    }

    private async Task Pull()
    {
        try
        {
            Receive(await writer.Pull(Revision));
        }
        catch (EtcdException error) when (error.Code == StatusCode.OutOfRange)
        {
            await Load(); // too far behind: what it lacks is compacted
        }
    }

    private void ApplyBuffered()
    {
        while (_buffered.Count > 0 && _buffered.GetKeyAtIndex(0) <= Revision)
        {
            var batch = _buffered.GetValueAtIndex(0);
            _buffered.RemoveAt(0);
            if (batch.LastRevision > Revision)
                Apply(batch);
        }

        RaiseMark();
    }

    private void Apply(EventBatch batch)
    {
        var revision = Revision;
        foreach (var change in batch.Events)
        {
            if (change.Revision > revision && change.Key.Span.StartsWith(prefix))
            {
                _index.Apply(change.Key.Span, change.Version);
                if (!change.Version.IsTombstone)
                    values.Add(change.Version.Id, change.KeyValue);
            }
        }

        View.Publish(View.State with { Revision = batch.LastRevision });
    }

    // A mark ahead of what is applied here waits: the index drops only what it has passed.
    private void RaiseMark()
    {
        var state = View.State;
        if (_mark <= state.CompactRevision || _mark > state.Revision)
            return;

        View.Publish(state with { CompactRevision = _mark });
        var run = _index.Compact(_mark);
        var dropped = new List<RecordId>();
        while (run.DropHistory(DropRows, dropped) > 0)
            dropped.Clear();

        while (run.SweepTombstones(DropRows))
        {
        }
    }
}
