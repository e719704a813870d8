using Kine.Grains.Values;

namespace Kine.Grains.Watch;

/// <summary>Previous pairs, asked for only when a watch wants them. Links and pieces wait for theirs; nothing else does.</summary>
public sealed partial class WatchHub
{
    private const int MaxFetches = 256; // live fetches under way; what comes on top is left to catching up

    private int _fetches;

    /// <summary>
    /// True when the event has a previous pair to send. None for a key's first put, nor when the revision before is compacted: etcd reads there.
    /// </summary>
    private static bool HasPrevious(KeyEvent e, long mark) =>
        e.Previous is { Exists: true, IsTombstone: false } && e.Revision > mark && (e.Version.IsTombstone || e.Version.Create != e.Version.Mod);

    private static bool HasPrevious(List<KeyEvent> events, long mark)
    {
        foreach (var e in events)
        {
            if (HasPrevious(e, mark))
                return true;
        }

        return false;
    }

    private async Task FetchPrevious(PreviousFetch[] fetches)
    {
        Interlocked.Increment(ref _fetches);
        var asked = new PreviousQuestion(CompactRevision, fetches.Length > 1);
        foreach (var fetch in fetches)
            asked.Add(fetch.Node.Events);

        var found = await ReadPrevious(asked).ConfigureAwait(false);
        Interlocked.Decrement(ref _fetches);
        if (found is null)
            return;

        var answers = new ReadOnlyMemory<byte>[fetches.Length][];
        for (var i = 0; i < fetches.Length; i++)
            answers[i] = asked.AnswerFor(fetches[i].Node.Events, found);

        var publication = Rent();
        lock (_gate)
        {
            for (var i = 0; i < fetches.Length; i++)
            {
                fetches[i].Node.MakeReady(answers[i]);
                _extended.Add(fetches[i].Group);
            }

            Announce(publication);
        }

        Finish(publication);
    }

    private async Task DeliverWithPrevious(List<Watcher> watchers, KeyEvent[] events, long through)
    {
        var asked = new PreviousQuestion(CompactRevision, false);
        asked.Add(events);
        var found = await ReadPrevious(asked).ConfigureAwait(false);
        if (found is null)
            return;

        var run = new EventRun(events, asked.AnswerFor(events, found));
        lock (_gate)
        {
            foreach (var watcher in watchers)
                Deliver(watcher, run, through);
        }
    }

    /// <summary>Asks until there is an answer; null when the hub was stopped.</summary>
    private async ValueTask<ReadOnlyMemory<byte>?[]?> ReadPrevious(PreviousQuestion asked)
    {
        var delay = _options.RetryDelay;
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                var found = await _history.ReadKeyValues(asked.Versions, _stopping.Token).ConfigureAwait(false);
                if (found.Length != asked.Versions.Count)
                    throw new InvalidDataException($"{found.Length} pairs for {asked.Versions.Count} versions");

                return found;
            }
            catch (Exception failure)
            {
                delay = await PauseAfter(failure, delay).ConfigureAwait(false);
            }
        }

        return null;
    }

    /// <summary>A link whose previous pairs are to be fetched before it may be sent.</summary>
    private readonly record struct PreviousFetch(WatchGroup Group, GroupNode Node);

    /// <summary>The versions to ask for, each once though several groups may <paramref name="share"/> an event.</summary>
    private sealed class PreviousQuestion(long mark, bool share)
    {
        private readonly Dictionary<KeyEvent, int>? _places = share ? [] : null;
        private readonly List<VersionedKey> _versions = [];

        public IReadOnlyList<VersionedKey> Versions => _versions;

        public void Add(KeyEvent[] events)
        {
            foreach (var e in events)
            {
                if (HasPrevious(e, mark) && (_places is null || _places.TryAdd(e, _versions.Count)))
                    _versions.Add(new VersionedKey(e.Key, e.Previous));
            }
        }

        public ReadOnlyMemory<byte>[] AnswerFor(KeyEvent[] events, ReadOnlyMemory<byte>?[] found)
        {
            var previous = new ReadOnlyMemory<byte>[events.Length];
            var next = 0;
            for (var i = 0; i < events.Length; i++)
            {
                if (HasPrevious(events[i], mark))
                    previous[i] = found[_places is null ? next++ : _places[events[i]]] ?? default;
            }

            return previous;
        }
    }
}
