using System.Collections.Concurrent;
using System.Diagnostics;

namespace Kine.Tests.Chaos;

/// <summary>Everything that the clients of one run asked and were told, with the times of one clock.</summary>
internal sealed class Recording
{
    private readonly ConcurrentQueue<Step> _steps = [];
    private readonly ConcurrentQueue<LeaseLife> _leases = [];
    private readonly ConcurrentQueue<WatchLog> _watches = [];
    private readonly ConcurrentQueue<Violation> _violations = [];
    private long _newest = 1;

    public static long Now => Stopwatch.GetTimestamp();

    /// <summary>The highest revision that an answer named.</summary>
    public long Newest => Volatile.Read(ref _newest);

    public int Count => _steps.Count;

    /// <summary>How many steps ended so.</summary>
    public int CountOf(Outcome outcome) => _steps.Count(step => step.Outcome == outcome);

    public int WatchCount => _watches.Count;

    public int LeaseCount => _leases.Count;

    public void Add(Step step)
    {
        _steps.Enqueue(step);
        for (var newest = Newest; step.Revision > newest; newest = Newest)
            Interlocked.CompareExchange(ref _newest, step.Revision, newest);
    }

    public void Add(LeaseLife lease) => _leases.Enqueue(lease);

    public void Add(WatchLog watch) => _watches.Enqueue(watch);

    /// <summary>Something that is wrong by itself, whatever else happened.</summary>
    public void Add(Violation violation) => _violations.Enqueue(violation);

    /// <summary>All that is wrong, when nothing goes on any more.</summary>
    /// <param name="log">The log from revision 2 to its end.</param>
    public List<Violation> Check(IReadOnlyList<LogEntry> log)
    {
        Step[] steps = [.. _steps];
        var revisions = RevisionCheck.Of(steps, log);
        var sightings = LeaseCheck.Sightings(steps, _watches, log);
        return
        [
            .. _violations,
            .. revisions.Found,
            .. RegisterCheck.Of(steps, Keys.IsRegister, revisions.Happened),
            .. _watches.SelectMany(watch => WatchCheck.Of(watch, log)),
            .. LeaseCheck.Of(_leases, log, revisions.LeaseEnds, sightings),
            .. steps.SelectMany(step => step.Looks).Where(look => look is { From: Keys.Accounts, To: Keys.AccountsEnd, Pairs.Length: > 0 })
                .Where(look => look.Pairs.Sum(pair => Balance.Of(pair.Value)) != Balance.Sum)
                .Select(look => new Violation(Fault.WrongRead, $"the sum is not {Balance.Sum}: {look}")),
        ];
    }
}
