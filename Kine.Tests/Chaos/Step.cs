namespace Kine.Tests.Chaos;

/// <summary>
/// One call of a client: what it asked, when, and what it was answered. A put has one write; a get or list one look; a compare-and-swap a guard, a write and,
/// where the guard did not hold, a look; a transfer two of each. Looks of a step that wrote show what was there before it.
/// </summary>
internal sealed record Step
{
    public int Client { get; init; }

    /// <summary>Which process answered, another number for each of its lives; -1 = not known.</summary>
    public int Process { get; init; } = -1;

    /// <summary>When it was sent.</summary>
    public long Invoked { get; init; }

    /// <summary>When the answer came; never where there is none.</summary>
    public long Returned { get; init; } = long.MaxValue;

    public Outcome Outcome { get; init; }

    /// <summary>The revision in the answer's header.</summary>
    public long Revision { get; init; }

    /// <summary>The revision that was asked for; 0 = the current one.</summary>
    public long At { get; init; }

    public bool Serializable { get; init; }

    public Guard[] Guards { get; init; } = [];

    /// <summary>Whether the guards held, as the answer says.</summary>
    public bool Succeeded { get; init; } = true;

    public Write[] Writes { get; init; } = [];

    public Look[] Looks { get; init; } = [];

    /// <summary>True when the answer says that it has written.</summary>
    public bool Wrote => Outcome == Outcome.Done && Succeeded && Writes.Length > 0;

    /// <summary>True when the answer has to be the current state.</summary>
    public bool Linearizable => Outcome == Outcome.Done && !Serializable;

    public override string ToString()
    {
        var guards = Guards.Length == 0 ? "" : $" if {string.Join(" and ", Guards.Select(guard => $"{guard.Key}@{guard.ModRevision}"))}: {Succeeded}";
        var looks = Looks.Length == 0 ? "" : $" saw {string.Join("; ", (object[])Looks)}";
        return $"client {Client}, process {Process}, {Invoked}..{(Returned == long.MaxValue ? "" : Returned)}, {Outcome} at revision {Revision}"
            + $"{(Serializable ? ", serializable" : "")}{(At == 0 ? "" : $", asked at {At}")}:{guards} {string.Join(", ", (object[])Writes)}{looks}";
    }
}
