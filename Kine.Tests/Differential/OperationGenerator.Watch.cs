using Kine.Etcd;

namespace Kine.Tests.Differential;

internal sealed partial class OperationGenerator
{
    private const int MostWatches = 24; // a stream; beyond it they are cancelled more often than created

    private readonly List<(int Stream, long Id)> _created = [];

    /// <summary>The highest revision that a watch was asked to start at: once it is reached, none waits any more.</summary>
    public long WatchHorizon { get; private set; }

    // The last stream alone gets watches that start in the future: while one waits, no progress is reported on its stream.
    private int FutureStream => watchStreams - 1;

    /// <summary>All streams were opened anew: no watch is left.</summary>
    public void ForgetWatches() => _created.Clear();

    private Operation Watch()
    {
        var cancel = _created.Count > MostWatches * watchStreams ? 0.7 : 0.3;
        return view.Chance(cancel) ? CancelWatch() : CreateWatch();
    }

    private CompoundOperation CreateWatch()
    {
        var stream = view.Random.Next(watchStreams);
        var create = new WatchCreateRequest
        {
            Key = view.Chance(0.05) ? Google.Protobuf.ByteString.Empty : view.Key(),
            StartRevision = stream == FutureStream ? FutureStart() : view.RevisionAround(),
            PrevKv = view.Chance(0.5),
            Fragment = view.Chance(0.2),
            ProgressNotify = view.Chance(0.2),
            WatchId = view.Chance(0.5) ? 0 : view.Random.Next(1, 2 * MostWatches),
        };
        if (view.Chance(0.6))
            create.RangeEnd = view.RangeEnd(create.Key);

        if (stream != FutureStream && create.StartRevision > view.Revision)
            create.StartRevision = view.Revision;

        if (view.Chance(0.1))
            create.Filters.Add(WatchCreateRequest.Types.FilterType.Noput);

        if (view.Chance(0.1))
            create.Filters.Add(WatchCreateRequest.Types.FilterType.Nodelete);

        WatchHorizon = Math.Max(WatchHorizon, create.StartRevision);
        if (create.WatchId > 0)
            _created.Add((stream, create.WatchId));

        var compacted = view.Compacted;
        return new CompoundOperation($"Watch on stream {stream}: {MessageText.Of(create)}", async side =>
        {
            await side.Feeds[stream].Create(create, compacted);
            return new Answer("", 0, null);
        });
    }

    private long FutureStart() => view.Chance(0.3) ? 0 : view.Revision + view.Random.Next(1, 8);

    private CompoundOperation CancelWatch()
    {
        var (stream, id) = _created.Count == 0 || view.Chance(0.05)
            ? (view.Random.Next(watchStreams), view.Random.Next(100))
            : _created[view.Random.Next(_created.Count)];
        if (view.Chance(0.1))
            id = view.Random.Next(8);

        _created.Remove((stream, id));
        return new CompoundOperation(
            $"cancel watch {id} of stream {stream}",
            async side =>
            {
                await side.Feeds[stream].Cancel(id);
                return new Answer("", 0, null);
            },
            Quiet: true);
    }
}
