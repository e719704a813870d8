namespace Kine.Tests.Chaos;

/// <summary>What the log amounts to, revision by revision.</summary>
internal sealed class KeyState
{
    private readonly SortedDictionary<string, (Pair Pair, long Lease)> _pairs = new(StringComparer.Ordinal);

    public Pair? Find(string key) => _pairs.TryGetValue(key, out var found) ? found.Pair : null;

    public long LeaseOf(string key) => _pairs.TryGetValue(key, out var found) ? found.Lease : 0;

    public IEnumerable<string> KeysOf(long lease) => _pairs.Where(pair => pair.Value.Lease == lease).Select(pair => pair.Key);

    public IEnumerable<Pair> Range(string from, string? to)
    {
        if (to is null)
            return Find(from) is { } one ? [one] : [];

        return _pairs.SkipWhile(pair => string.CompareOrdinal(pair.Key, from) < 0)
            .TakeWhile(pair => string.CompareOrdinal(pair.Key, to) < 0)
            .Select(pair => pair.Value.Pair);
    }

    public bool Holds(Guard guard) => (Find(guard.Key)?.ModRevision ?? 0) == guard.ModRevision;

    public bool Shows(Look look) => Range(look.From, look.To).SequenceEqual(look.Pairs);

    public void Apply(LogEntry entry)
    {
        foreach (var (key, value, lease) in entry.Changes)
        {
            if (value is null)
                _pairs.Remove(key);
            else
                _pairs[key] = (new Pair(key, value, entry.Revision), lease);
        }
    }
}
