using System.Runtime.InteropServices;
using Kine.Backends;

namespace Kine.Grains.Index;

/// <summary>
/// A <see cref="KeyVersion"/> as the index stores the newest one inside its leaf, 48 bytes; superseded ones are packed (see
/// <see cref="PackedRows"/>) in the <see cref="History"/>.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly struct VersionRow(in KeyVersion version, long older)
{
    public readonly long Mod = version.Mod;
    public readonly long Create = version.Create;
    public readonly long Version = version.Version;
    public readonly long Lease = version.Lease;

    /// <summary>
    /// Row number of the version before this one, <see cref="History.NoRow"/> when there is none. The row may be gone by compaction.
    /// </summary>
    public readonly long Older = older;

    public readonly int Sub = version.Sub;
    public readonly int ValueLength = version.ValueLength;

    public bool IsTombstone => ValueLength < 0;

    public RecordId Id => new(Mod, Sub);

    public KeyVersion ToVersion() => new(Mod, Sub, Create, Version, Lease, ValueLength);
}
