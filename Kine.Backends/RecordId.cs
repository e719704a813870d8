namespace Kine.Backends;

/// <summary>Names one record of the log: the revision of its transaction and its place inside that transaction (etcd's main and sub revision).</summary>
public readonly record struct RecordId(long Revision, int Sub) : IComparable<RecordId>
{
    /// <summary>Log order: by revision, then by place inside the transaction.</summary>
    public int CompareTo(RecordId other)
    {
        var byRevision = Revision.CompareTo(other.Revision);
        return byRevision != 0 ? byRevision : Sub.CompareTo(other.Sub);
    }
}
