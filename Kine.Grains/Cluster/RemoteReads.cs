using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Google.Protobuf;
using Kine.Etcd;
using Kine.Grains.Index;
using Kine.Grains.Reads;
using Kine.Grains.Values;
using Kine.Grains.Writing;

namespace Kine.Grains.Cluster;

/// <summary>
/// Ranges in a process that does not hold the writer: one inside a prefix goes to that prefix's grain, any other to the writer, which reads it at one
/// revision.
/// </summary>
internal sealed class RemoteReads(ProcessState local, IGrainFactory grains)
{
    private const int MaxPrefixes = 1024; // further ones are read at the writer, so that strange keys do not make grains without end

    private readonly ConcurrentDictionary<string, IPrefixGrain> _prefixes = new();

    /// <summary>Reads what <paramref name="request"/> asks, after <see cref="RangeRules.Check"/>.</summary>
    public async Task<RangeReply> Range(RangeRequest request, CancellationToken cancellationToken)
    {
        var writer = grains.GetGrain<IRevisionGrain>(RevisionGrain.Key);
        if (local.Remote.Revision == 0)
        {
            await RemoteCall.Answer(writer.Ready(), cancellationToken); // nothing was heard yet: this may be what brings the writer to life, here or elsewhere
            if (local.Writer is { } view)
                return await RangeReader.Range(view, request, cancellationToken);
        }

        var prefix = Find(request);
        var reply = await Read(writer, prefix, request, cancellationToken);
        local.Advance(new PublishedState(reply.Revision, -1, 0));
        if (reply.Cut && !RangeRules.IsKeyOrder(request))
            throw new EtcdException(StatusCode.ResourceExhausted, "etcdserver: too large a list for another order than by key from this server");

        return new RangeReply
        {
            Revision = reply.Revision,
            Count = reply.Count,
            More = reply.More,
            KvsLength = reply.KvsLength,
            First = reply.Pairs,
            Rest = reply.Cut ? Rest(writer, prefix, request, reply, cancellationToken) : null,
        };
    }

    private Task<WireRangeReply> Read(IRevisionGrain writer, IPrefixGrain? prefix, RangeRequest request, CancellationToken cancellationToken) =>
        RemoteCall.Answer(prefix is null ? writer.Range(request) : prefix.Range(request, local.Remote), cancellationToken);

    private async IAsyncEnumerable<IReadOnlyList<ReadOnlyMemory<byte>>> Rest(
        IRevisionGrain writer, IPrefixGrain? prefix, RangeRequest request, WireRangeReply first, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var next = request.Clone();
        next.Revision = first.ReadRevision;
        long taken = 0;
        for (var reply = first; reply.Cut;)
        {
            taken += reply.Pairs.Count;
            next.Key = UnsafeByteOperations.UnsafeWrap((byte[])[.. KeyValueWire.Key(reply.Pairs[^1]).Span, 0]);
            next.Limit = request.Limit > 0 ? request.Limit - taken : 0;
            reply = await Read(writer, prefix, next, cancellationToken);
            yield return reply.Pairs;
        }
    }

    private IPrefixGrain? Find(RangeRequest request)
    {
        if (KeyPrefix.Of(new KeyRange(request.Key.Memory, request.RangeEnd.Memory)) is not { } prefix)
            return null;

        var key = PrefixGrain.KeyOf(prefix.Span);
        if (_prefixes.TryGetValue(key, out var grain))
            return grain;

        return _prefixes.Count < MaxPrefixes ? _prefixes.GetOrAdd(key, grains.GetGrain<IPrefixGrain>(key)) : null;
    }
}
