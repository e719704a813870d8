using Kine.Backends;
using Kine.Grains.Fencing;
using Kine.Grains.Following;
using Kine.Grains.Reads;
using Kine.Grains.Values;
using Microsoft.Extensions.Logging;

namespace Kine.Grains.Writing;

/// <summary>One a process: what reads share here, and the writer's view when the RevisionGrain lives in this process, or the replica when it lives elsewhere.</summary>
public sealed class ProcessState
{
    private KeyspaceView? _writer;
    private PublishedState _remote = new(0, -1, 0);

    /// <summary>Nothing happens before somebody loads something.</summary>
    public ProcessState(IRevisionStore store, WriterOptions options, ProofClock clock, TimeProvider time, ILogger<Replica> log)
    {
        Store = store;
        Proof = new ReadProof(clock, store.IsExclusive);
        Values = new ValueReader(new ValueCache(options.CacheBytes), store);
        Replica = new Replica(store, Values, Pins, time, log);
    }

    /// <summary>The store that this process reads.</summary>
    public IRevisionStore Store { get; }

    /// <summary>Whether the writer of this process may answer from memory.</summary>
    public ReadProof Proof { get; }

    /// <summary>Values by version, one cache for the process.</summary>
    public ValueReader Values { get; }

    /// <summary>Reads that compaction waits for.</summary>
    public CompactionPins Pins { get; } = new();

    /// <summary>What reads are answered from while the writer is elsewhere.</summary>
    public Replica Replica { get; }

    /// <summary>Ids for headers, known once a writer was heard of.</summary>
    public ClusterIdentity Identity { get; set; } = new(0, 0);

    /// <summary>What a writer in another process was last heard to have published.</summary>
    public PublishedState Remote => Volatile.Read(ref _remote);

    /// <summary>The writer's own view; null while the writer is elsewhere or not loaded.</summary>
    public KeyspaceView? Writer
    {
        get => Volatile.Read(ref _writer);
        set => Volatile.Write(ref _writer, value);
    }

    /// <summary>True while the view is certain to be current: the writer has proof, and it is still this view's. Ask after reading from it.</summary>
    public bool IsCurrent(KeyspaceView view) => Proof.IsValid && ReferenceEquals(Writer, view);

    /// <summary>Notes what a writer in another process has published; what comes late moves nothing back, and a mark of -1 says nothing.</summary>
    public void Advance(PublishedState state)
    {
        while (true)
        {
            var known = Remote;
            var next = new PublishedState(
                Math.Max(known.Revision, state.Revision), Math.Max(known.CompactRevision, state.CompactRevision), Math.Max(known.Term, state.Term));
            if (next == known || Interlocked.CompareExchange(ref _remote, next, known) == known)
                return;
        }
    }
}
