using System.Diagnostics.CodeAnalysis;

namespace Orleans.Runtime;

/// <summary>When a grain timer ticks, and what it may share the grain with.</summary>
public readonly struct GrainTimerCreationOptions()
{
    /// <inheritdoc cref="GrainTimerCreationOptions"/>
    [SetsRequiredMembers]
    public GrainTimerCreationOptions(TimeSpan dueTime, TimeSpan period) : this()
    {
        DueTime = dueTime;
        Period = period;
    }

    /// <summary>Time to the first tick; infinite for none until Change is called.</summary>
    public required TimeSpan DueTime { get; init; }

    /// <summary>Time from the end of one callback to the next tick; infinite for a single tick.</summary>
    public required TimeSpan Period { get; init; }

    /// <summary>Whether a tick may run between the awaits of calls of a grain that is not reentrant.</summary>
    public bool Interleave { get; init; }

    /// <summary>Whether a tick counts as use, so that the activation does not become idle.</summary>
    public bool KeepAlive { get; init; }
}
