using Kine.Grains.Index;
using Kine.Grains.Values;

namespace Kine.Grains.Reads;

/// <summary>
/// What reads are answered from in one process: the index, the value cache and the store behind it, and how far they may look. The writer's process
/// shares the RevisionGrain's own index; others have a replica of it.
/// </summary>
public sealed class KeyspaceView(KeyIndex index, ValueReader values, CompactionPins pins, PublishedState state)
{
    private PublishedState _state = state;
    private IKeyspaceWriter? _changes;

    /// <summary>Tells this view from others; it outlives a writer that leaves, and serves the next one of the same process.</summary>
    public Guid Id { get; } = Guid.NewGuid();

    /// <summary>Who changes what is shown here; null in a replica, until a writer of the same process goes on with it.</summary>
    public IKeyspaceWriter? Changes
    {
        get => Volatile.Read(ref _changes);
        set => Volatile.Write(ref _changes, value);
    }

    /// <summary>All versions of all keys since the compaction mark.</summary>
    public KeyIndex Index { get; } = index;

    /// <summary>Values by version.</summary>
    public ValueReader Values { get; } = values;

    /// <summary>Reads that compaction waits for.</summary>
    public CompactionPins Pins { get; } = pins;

    /// <summary>The published revision and compaction mark, read once a request.</summary>
    public PublishedState State => Volatile.Read(ref _state);

    /// <summary>Lets readers see what was applied to the index before this call. One caller at a time.</summary>
    public void Publish(PublishedState state) => Interlocked.Exchange(ref _state, state);
}
