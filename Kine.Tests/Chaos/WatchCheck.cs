namespace Kine.Tests.Chaos;

/// <summary>Whether a watch told every change of its range once, in order, without a gap.</summary>
internal static class WatchCheck
{
    public static List<Violation> Of(WatchLog watch, IEnumerable<LogEntry> log)
    {
        var found = new List<Violation>();
        var due = log.Where(entry => entry.Revision >= watch.Start)
            .SelectMany(entry => entry.Changes.Where(change => Look.Holds(watch.From, watch.To, change.Key)).Select(change => (entry.Revision, Change: change)))
            .ToList();
        var known = due.ToHashSet();
        var told = watch.Items.Where(item => item.Change is not null).Select(item => (item.Revision, Change: item.Change!)).ToList();
        var seen = new HashSet<(long, Write)>();
        foreach (var item in told)
        {
            if (!known.Contains(item))
                found.Add(new(Fault.WatchInvented, $"{watch.Name} told {item.Change} at revision {item.Revision}, which the log does not have"));

            if (!seen.Add(item))
                found.Add(new(Fault.WatchDuplicate, $"{watch.Name} told {item.Change} at revision {item.Revision} again"));
        }

        var end = Math.Max(watch.Until, told.Count == 0 ? 0 : told.Max(item => item.Revision));
        foreach (var missing in due.Where(item => item.Revision <= end && !seen.Contains(item)).Take(3))
            found.Add(new(Fault.WatchGap, $"{watch.Name}, which came to revision {end}, left out {missing.Change} at revision {missing.Revision}"));

        if (found.Count == 0 && !told.SequenceEqual(due.Take(told.Count)))
            found.Add(new(Fault.WatchOrder, $"{watch.Name} told {told.Zip(due).First(pair => pair.First != pair.Second)}"));

        CheckProgress(watch, found);
        return found;
    }

    private static void CheckProgress(WatchLog watch, List<Violation> found)
    {
        var promised = 0L;
        foreach (var item in watch.Items)
        {
            if (item.Change is null)
                promised = Math.Max(promised, item.Revision);
            else if (item.Revision <= promised)
                found.Add(new(Fault.WatchProgress, $"{watch.Name} told {item.Change} at revision {item.Revision} after it had said that it was at {promised}"));
        }
    }
}
