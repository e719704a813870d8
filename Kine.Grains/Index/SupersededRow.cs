using System.Runtime.InteropServices;

namespace Kine.Grains.Index;

/// <summary>A superseded version and what is known of the version that superseded it.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly struct SupersededRow(in VersionRow row, in KeyVersion newer)
{
    public readonly VersionRow Row = row;

    /// <summary>Revision of the version that superseded it.</summary>
    public readonly long Superseded = newer.Mod;

    /// <summary>From the row's create revision to that of the newer version: 0 unless the key was deleted or is new again.</summary>
    public readonly long CreateStep = newer.Create - row.Create;

    /// <summary>From the row's version to that of the newer one: 1 unless the key was deleted or is new again.</summary>
    public readonly long VersionStep = newer.Version - row.Version;
}
