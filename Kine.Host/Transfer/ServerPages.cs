using System.Runtime.CompilerServices;
using Google.Protobuf;
using Grpc.Core;
using Kine.Etcd;
using Kine.Host.Client;

namespace Kine.Host.Transfer;

/// <summary>All pairs of a server at one revision, in pages, in key order.</summary>
internal sealed class ServerPages(EtcdChannel channel, ByteString start, ByteString end, ResponseHeader header, long count)
{
    private const int PageKeys = 200;
    private static readonly ByteString Zero = ByteString.CopyFrom(0);

    /// <summary>Revision of the pages.</summary>
    public long Revision => header.Revision;

    /// <summary>The server's cluster id; 0 where it has none, as upstream kine.</summary>
    public ulong ClusterId => header.ClusterId;

    public long Count => count;

    /// <summary>Looks at a server; throws <see cref="RpcException"/> when it does not answer.</summary>
    public static async Task<ServerPages> Open(EtcdChannel channel, CancellationToken cancellationToken)
    {
        RangeResponse? all = null;
        try
        {
            all = await Ask(channel, Zero, Zero, cancellationToken);
        }
        catch (RpcException error) when (error.StatusCode is StatusCode.Unknown or StatusCode.InvalidArgument or StatusCode.Unimplemented)
        {
            // Upstream kine cannot list everything, or fails at it, by release and database.
        }

        if (all is { Count: > 0 })
            return new ServerPages(channel, Zero, Zero, all.Header, all.Count);

        var start = ByteString.CopyFromUtf8("/");
        var end = ByteString.CopyFromUtf8("0");
        var slash = await Ask(channel, start, end, cancellationToken);
        return all is not null && slash.Count == 0
            ? new ServerPages(channel, Zero, Zero, all.Header, 0)
            : new ServerPages(channel, start, end, slash.Header, slash.Count);
    }

    /// <summary>The pairs; without values when only keys are asked for.</summary>
    public async IAsyncEnumerable<KeyValue> Read(bool keysOnly, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var request = new RangeRequest { Key = start, RangeEnd = end, Limit = PageKeys, Revision = Revision, KeysOnly = keysOnly };
        while (true)
        {
            var page = await channel.Kv.RangeAsync(request, cancellationToken: cancellationToken);
            foreach (var pair in page.Kvs)
                yield return pair;

            if (!page.More || page.Kvs.Count == 0)
                yield break;

            request.Key = ByteString.CopyFrom([.. page.Kvs[^1].Key.Span, 0]);
        }
    }

    private static async Task<RangeResponse> Ask(EtcdChannel channel, ByteString start, ByteString end, CancellationToken cancellationToken) =>
        await channel.Kv.RangeAsync(new RangeRequest { Key = start, RangeEnd = end, CountOnly = true }, cancellationToken: cancellationToken);
}
