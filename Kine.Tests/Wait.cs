namespace Kine.Tests;

/// <summary>How long tests wait for what must happen. Only one that fails waits for so long, on a machine that is ten times slower too.</summary>
internal static class Wait
{
    public static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);
}
