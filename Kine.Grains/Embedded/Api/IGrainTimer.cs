namespace Orleans.Runtime;

/// <summary>A running timer of a grain. Disposing it ends it and cancels the callback's token.</summary>
public interface IGrainTimer : IDisposable
{
    /// <summary>Sets when the next tick is due and the time between ticks; infinite for none.</summary>
    void Change(TimeSpan dueTime, TimeSpan period);
}
