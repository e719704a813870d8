using Kine.Grains.Values;
using Kine.Grains.Watch;

namespace Kine.Tests.Grpc;

/// <summary>A past in which nothing happened.</summary>
internal sealed class EmptyHistory : IEventHistory
{
    public long PublishedRevision => 1;

    public long CompactRevision => 0;

    public Task<EventPage> ReadEvents(long from, long to, int maxEvents, long maxBytes, CancellationToken cancellationToken) =>
        Task.FromResult(new EventPage([], to));

    public ValueTask<ReadOnlyMemory<byte>?[]> ReadKeyValues(IReadOnlyList<VersionedKey> versions, CancellationToken cancellationToken) =>
        new(new ReadOnlyMemory<byte>?[versions.Count]);
}
