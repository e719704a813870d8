namespace Kine.Grains.Embedded;

/// <summary>How a call is made, as the attributes of the interface's method say.</summary>
[Flags]
public enum CallOptions
{
    /// <summary>One at a time, unless the grain is reentrant; the caller waits for the outcome.</summary>
    None = 0,

    /// <summary>The method has [AlwaysInterleave].</summary>
    AlwaysInterleave = 1,

    /// <summary>The method has [OneWay].</summary>
    OneWay = 2,
}
