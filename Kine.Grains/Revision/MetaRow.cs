using System.Text;

namespace Kine.Grains.Revision;

/// <summary>Keys of single values in the side state; each value is 8 bytes, big-endian. They are stored: never rename.</summary>
internal static class MetaRow
{
    /// <summary>The compaction mark.</summary>
    public static readonly byte[] CompactRevision = Encoding.ASCII.GetBytes("compact_revision");

    /// <summary>etcd's cluster id.</summary>
    public static readonly byte[] ClusterId = Encoding.ASCII.GetBytes("cluster_id");

    /// <summary>Last id of upstream kine's table when it was imported.</summary>
    public static readonly byte[] UpstreamId = Encoding.ASCII.GetBytes("upstream_id");
}
