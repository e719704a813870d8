namespace Orleans.Runtime;

/// <summary>Says in which activation the current thread runs a turn.</summary>
public static class RuntimeContext
{
    [ThreadStatic]
    private static IGrainContext? _current;

    /// <summary>The activation whose turn this thread runs; null outside of grains.</summary>
    public static IGrainContext? Current
    {
        get => _current;
        internal set => _current = value;
    }
}
