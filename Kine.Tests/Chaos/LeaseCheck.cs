namespace Kine.Tests.Chaos;

/// <summary>Whether no lease ended before its time without being revoked, and each ended with its keys.</summary>
internal static class LeaseCheck
{
    /// <param name="leases">What the clients did.</param>
    /// <param name="log">The log, read when all leases should be over.</param>
    /// <param name="ends">Revision at which each lease ended in the log.</param>
    /// <param name="sightings">When each revision was seen first, by anybody.</param>
    public static List<Violation> Of(
        IEnumerable<LeaseLife> leases, IReadOnlyList<LogEntry> log, IReadOnlyDictionary<long, long> ends, IReadOnlyDictionary<long, long> sightings)
    {
        var found = new List<Violation>();
        var state = new KeyState();
        foreach (var entry in log)
            state.Apply(entry);

        foreach (var lease in leases)
        {
            var end = ends.GetValueOrDefault(lease.Id);
            var gone = Math.Min(lease.GoneAt, end == 0 ? long.MaxValue : sightings.GetValueOrDefault(end, long.MaxValue));
            if (gone < lease.RevokeSent && lease.Signs.Where(sign => sign.Until > gone).ToArray() is { Length: > 0 } broken)
            {
                found.Add(new(Fault.LeaseEarly,
                    $"lease {lease.Id} was seen to be gone at {gone} (revision {end}), "
                        + $"but a sign of life sent at {broken[^1].Sent} lets it live until {broken[^1].Until}"));
            }

            if (lease.RevokedAt > 0 && end > lease.RevokedAt)
                found.Add(new(Fault.LeaseKept, $"lease {lease.Id} was revoked at revision {lease.RevokedAt}, and its keys went at {end}"));

            if (state.KeysOf(lease.Id).ToArray() is { Length: > 0 } kept)
                found.Add(new(Fault.LeaseKept, $"lease {lease.Id} is over and its keys are there: {string.Join(", ", kept)}"));
        }

        return found;
    }

    /// <summary>When each revision was seen first: by a watch, or by an answer at or after it.</summary>
    public static Dictionary<long, long> Sightings(IEnumerable<Step> steps, IEnumerable<WatchLog> watches, IReadOnlyList<LogEntry> log)
    {
        var first = new SortedDictionary<long, long>();
        foreach (var (revision, at) in steps.Where(step => step.Outcome == Outcome.Done).Select(step => (step.Revision, step.Returned))
            .Concat(watches.SelectMany(watch => watch.Items.Select(item => (item.Revision, item.At)))))
        {
            first[revision] = Math.Min(at, first.GetValueOrDefault(revision, long.MaxValue));
        }

        var sightings = new Dictionary<long, long>();
        var earliest = long.MaxValue;
        var seen = first.Reverse().ToArray();
        var next = 0;
        foreach (var entry in log.Reverse())
        {
            for (; next < seen.Length && seen[next].Key >= entry.Revision; next++)
                earliest = Math.Min(earliest, seen[next].Value);

            sightings[entry.Revision] = earliest;
        }

        return sightings;
    }
}
