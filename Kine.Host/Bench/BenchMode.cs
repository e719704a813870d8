namespace Kine.Host.Bench;

/// <summary>What a run measures.</summary>
internal enum BenchMode
{
    /// <summary>Plain puts.</summary>
    Put,

    /// <summary>A kube-apiserver's create: Txn If(ModRevision = 0) Then(Put) on keys that are new.</summary>
    Create,

    /// <summary>A kube-apiserver's update: Txn If(ModRevision = N) Then(Put) Else(Get).</summary>
    Update,

    /// <summary>Range of one random key, linearizable.</summary>
    Get,

    /// <summary>Pages that go on at random keys.</summary>
    List,

    /// <summary>Every client reads all keys once, page by page at the revision of its first page.</summary>
    Walk,

    /// <summary>count_only of all keys.</summary>
    Count,

    /// <summary>Time from sending a write to each watcher's event.</summary>
    Watch,
}
