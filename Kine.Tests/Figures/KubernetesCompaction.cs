using Google.Protobuf;
using Kine.Etcd;
using Kine.Host.Client;

namespace Kine.Tests.Figures;

/// <summary>Compacts as a kube-apiserver does: at every interval up to the revision of the interval before.</summary>
internal static class KubernetesCompaction
{
    /// <summary>Runs until the token is cancelled.</summary>
    /// <exception cref="Grpc.Core.RpcException">The server refused a compaction.</exception>
    public static async Task Run(string endpoint, TimeSpan interval, CancellationToken stopped)
    {
        using var channel = new EtcdChannel(endpoint);
        long before = 0;
        while (true)
        {
            try
            {
                await Task.Delay(interval, stopped);
            }
            catch (OperationCanceledException)
            {
                return;
            }

            var current = await channel.Kv.RangeAsync(new RangeRequest { Key = ByteString.CopyFromUtf8("compact_rev_key") });
            if (before > 0)
                await channel.Kv.CompactAsync(new CompactionRequest { Revision = before });

            before = current.Header.Revision;
        }
    }
}
