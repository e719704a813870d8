namespace Kine.Tests.Index;

/// <summary>Bytes of the managed heap.</summary>
internal static class HeapBytes
{
    /// <summary>
    /// What is garbage once <paramref name="letGo"/> has dropped the last reference to it. Little else goes meanwhile: what other tests left behind counts less than
    /// beside a look before it was made.
    /// </summary>
    public static long FreedBy(Action letGo)
    {
        GC.GetTotalMemory(forceFullCollection: true);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        letGo();
        return before - GC.GetTotalMemory(forceFullCollection: true);
    }
}
