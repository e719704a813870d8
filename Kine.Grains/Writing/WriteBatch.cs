using Kine.Backends;
using Kine.Grains.Watch;

namespace Kine.Grains.Writing;

/// <summary>Operations that are appended and published together, with what they changed, so that a failed append can be taken back.</summary>
internal sealed class WriteBatch(FenceToken token, long previousRevision)
{
    private const int MaxRecords = 4096;
    private const long MaxBytes = 8 << 20;

    /// <summary>What the store gets.</summary>
    public AppendBatch Append { get; } = new() { Token = token, ExpectedRevision = previousRevision, LastRevision = previousRevision };

    /// <summary>Revision before the batch.</summary>
    public long PreviousRevision { get; } = previousRevision;

    /// <summary>Operations to answer when the batch is durable, in evaluation order.</summary>
    public List<WriteOperation> Operations { get; } = [];

    /// <summary>Events to publish, one a record of <see cref="AppendBatch.Records"/>.</summary>
    public List<KeyEvent> Events { get; } = [];

    /// <summary>The compaction mark this batch sets.</summary>
    public long CompactRevision { get; set; } = WriteState.NotCompacted;

    /// <summary>What to undo, last first, when the batch fails, before the records: those attach their keys again to leases that come back.</summary>
    public List<Action> Undo { get; } = [];

    /// <summary>Runs of leases that begin with it.</summary>
    public List<LeaseRun> LeaseRuns { get; } = [];

    /// <summary>What to do when the batch is published, after readers see it and before the callers are answered.</summary>
    public List<Action> Published { get; } = [];

    /// <summary>When its operations were sent the first time, when they are sent again: a time stamp.</summary>
    public long? FirstSentAt { get; set; }

    /// <summary>True when there is something to append; a batch of reads only has nothing to make durable.</summary>
    public bool Writes => Append.Records.Count > 0 || Append.Side.Count > 0;

    /// <summary>True when it takes no more requests.</summary>
    public bool IsFull => Append.Records.Count >= MaxRecords || Append.Bytes >= MaxBytes;

    /// <summary>Answers all with an error.</summary>
    public void Fail(EtcdException error)
    {
        foreach (var operation in Operations)
        {
            operation.Release();
            operation.Fail(error);
        }
    }
}
