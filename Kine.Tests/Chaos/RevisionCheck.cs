namespace Kine.Tests.Chaos;

/// <summary>
/// Whether a history is strictly serializable, by the revisions that its answers name. The one order it can have is that of the log, with each read behind the
/// write of its revision. What remains to be looked at:
/// <list type="number">
/// <item>each revision of the log is one whole write of one step, or the end of one lease; each acknowledged write is there once, at its revision; a write of
/// unknown outcome is there once or not at all;</item>
/// <item>each guard held in the state before its write; each answer is the state at its revision;</item>
/// <item>a step that was sent after another one's answer stands behind it (a write: behind that revision), and none shows a write that was not sent yet.</item>
/// </list>
/// Serializable answers are states too, and one process's do not go back.
/// </summary>
internal sealed class RevisionCheck
{
    private readonly List<Violation> _found = [];
    private readonly Dictionary<string, Step> _authors = [];
    private readonly Dictionary<Step, long> _places = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<long, Step> _writes = [];
    private readonly Dictionary<long, long> _leaseEnds = [];
    private readonly IReadOnlyList<Step> _steps;
    private readonly IReadOnlyList<LogEntry> _log;

    private RevisionCheck(IReadOnlyList<Step> steps, IReadOnlyList<LogEntry> log)
    {
        _steps = steps;
        _log = log;
    }

    /// <summary>Revision at which each lease ended with the keys it had.</summary>
    public IReadOnlyDictionary<long, long> LeaseEnds => _leaseEnds;

    public IReadOnlyList<Violation> Found => _found;

    /// <summary>Looks at everything.</summary>
    /// <param name="steps">All steps of all clients.</param>
    /// <param name="log">The log from revision 2 on.</param>
    public static RevisionCheck Of(IReadOnlyList<Step> steps, IReadOnlyList<LogEntry> log)
    {
        var check = new RevisionCheck(steps, log);
        check.FindAuthors();
        check.Replay();
        check.RealTime();
        check.EachProcess();
        return check;
    }

    /// <summary>True when the log holds what the step writes.</summary>
    public bool Happened(Step step) => _places.ContainsKey(step);

    private void FindAuthors()
    {
        foreach (var step in _steps)
        {
            foreach (var write in step.Writes.Where(write => write.Value is not null))
                _authors[write.Value!] = step;
        }

        for (var i = 0; i < _log.Count; i++)
        {
            var entry = _log[i];
            if (entry.Revision != i + 2)
                Add(Fault.LogGap, $"{entry} comes where revision {i + 2} is due");

            var authors = new HashSet<Step>(ReferenceEqualityComparer.Instance);
            foreach (var change in entry.Changes.Where(change => change.Value is not null))
            {
                if (_authors.TryGetValue(change.Value!, out var author))
                    authors.Add(author);
                else
                    Add(Fault.Invented, $"nobody wrote {entry}");
            }

            if (authors.Count > 1)
                Add(Fault.TornWrite, $"{entry} is of more than one step:\n  {string.Join("\n  ", authors)}");

            foreach (var author in authors)
                Place(author, entry);
        }

        foreach (var step in _steps.Where(step => step.Wrote && !Happened(step)))
            Add(Fault.LostWrite, $"not in the log: {step}");
    }

    private void Place(Step author, LogEntry entry)
    {
        if (author.Outcome == Outcome.Refused || (author.Outcome == Outcome.Done && !author.Succeeded))
            Add(Fault.FailedWrite, $"{entry} is of a step that failed: {author}");

        if (!_places.TryAdd(author, entry.Revision))
            Add(Fault.DoubledWrite, $"{entry} was at revision {_places[author]} before: {author}");
        else if (author.Wrote && author.Revision != entry.Revision)
            Add(Fault.DoubledWrite, $"{entry} is elsewhere than its answer says: {author}");

        _writes[entry.Revision] = author;
    }

    private void Replay()
    {
        var reads = _steps.Where(step => step.Outcome == Outcome.Done && !step.Wrote).ToLookup(step => step.At > 0 ? step.At : step.Revision);
        var state = new KeyState();
        var last = _log.Count == 0 ? 1 : _log[^1].Revision;
        foreach (var late in _steps.Where(step => step.Outcome == Outcome.Done && Math.Max(step.Revision, step.At) > last))
            Add(Fault.LostWrite, $"the log ends at revision {last}, before {late}");

        CheckReads(reads[1], state);
        foreach (var entry in _log)
        {
            if (_writes.TryGetValue(entry.Revision, out var author))
                CheckWrite(author, entry, state);
            else
                CheckLeaseEnd(entry, state);

            state.Apply(entry);
            CheckReads(reads[entry.Revision], state);
        }
    }

    private void CheckWrite(Step author, LogEntry entry, KeyState before)
    {
        var due = author.Writes.Where(write => write.Value is not null || before.Find(write.Key) is not null);
        if (!due.SequenceEqual(entry.Changes))
            Add(Fault.TornWrite, $"{entry} is not the whole of {author}");

        if (author.Guards.FirstOrDefault(guard => !before.Holds(guard)) is { } broken)
            Add(Fault.WrongGuard, $"{entry} happened, while {broken.Key} was {Text(before.Find(broken.Key))}: {author}");

        foreach (var look in author.Wrote ? author.Looks : [])
        {
            if (!before.Shows(look))
                Add(Fault.WrongRead, $"before {entry} there was {string.Join(", ", before.Range(look.From, look.To).Take(6))}: {author}");
        }

        foreach (var write in author.Writes.Where(write => write.Lease != 0 && _leaseEnds.ContainsKey(write.Lease)))
            Add(Fault.LeaseKept, $"{entry} is of a lease that ended at revision {_leaseEnds[write.Lease]}");
    }

    // Deletions that are nobody's: all keys of one lease.
    private void CheckLeaseEnd(LogEntry entry, KeyState before)
    {
        var leases = entry.Changes.Where(change => change.Value is null).Select(change => before.LeaseOf(change.Key)).Distinct().ToArray();
        if (leases is not [not 0] || entry.Changes.Any(change => change.Value is not null))
        {
            if (entry.Changes.All(change => change.Value is null))
                Add(Fault.Invented, $"nobody deleted {entry}");

            return;
        }

        if (!before.KeysOf(leases[0]).SequenceEqual(entry.Changes.Select(change => change.Key).Order(StringComparer.Ordinal)))
            Add(Fault.LeaseKept, $"{entry} leaves keys of lease {leases[0]}: {string.Join(", ", before.KeysOf(leases[0]))}");

        _leaseEnds[leases[0]] = entry.Revision;
    }

    private void CheckReads(IEnumerable<Step> reads, KeyState state)
    {
        foreach (var step in reads)
        {
            if (step.Guards.Length > 0 && step.Guards.All(state.Holds) != step.Succeeded)
                Add(Fault.WrongGuard, $"the state was {string.Join(", ", step.Guards.Select(guard => Text(state.Find(guard.Key))))}: {step}");

            foreach (var look in step.Looks.Where(look => !state.Shows(look)))
                Add(Fault.WrongRead, $"there was {string.Join(", ", state.Range(look.From, look.To).Take(6))}: {step}");
        }
    }

    private void RealTime()
    {
        var answered = _steps.Where(step => step.Linearizable).OrderBy(step => step.Returned).ToArray();
        Step? newest = null;
        var next = 0;
        foreach (var step in _steps.OrderBy(step => step.Invoked))
        {
            for (; next < answered.Length && answered[next].Returned < step.Invoked; next++)
            {
                if (newest is null || answered[next].Revision > newest.Revision)
                    newest = answered[next];
            }

            var writes = _places.TryGetValue(step, out var place);
            if (!writes)
                place = step.Linearizable ? step.Revision : long.MaxValue;

            if (newest is not null && (writes ? place <= newest.Revision : place < newest.Revision))
                Add(Fault.StaleAnswer, $"revision {newest.Revision} had been seen:\n  {newest}\n  {step}");

            if (step.Outcome == Outcome.Done && _writes.TryGetValue(step.Revision, out var seen) && seen.Invoked > step.Returned)
                Add(Fault.EarlyAnswer, $"what it shows was not sent yet:\n  {step}\n  {seen}");
        }
    }

    private void EachProcess()
    {
        foreach (var process in _steps.Where(step => step is { Outcome: Outcome.Done, Serializable: true, Process: >= 0 }).GroupBy(step => step.Process))
        {
            var answered = process.OrderBy(step => step.Returned).ToArray();
            Step? newest = null;
            var next = 0;
            foreach (var step in process.OrderBy(step => step.Invoked))
            {
                for (; next < answered.Length && answered[next].Returned < step.Invoked; next++)
                {
                    if (newest is null || answered[next].Revision > newest.Revision)
                        newest = answered[next];
                }

                if (step.Revision < newest?.Revision)
                    Add(Fault.SteppedBack, $"the same process had shown more:\n  {newest}\n  {step}");
            }
        }
    }

    private static string Text(Pair? pair) => pair?.ToString() ?? "not there";

    private void Add(Fault fault, string text) => _found.Add(new Violation(fault, text));
}
