using Google.Protobuf;
using Kine.Etcd;
using Kine.Host.Bench.Http2;

namespace Kine.Host.Bench.Figures;

/// <summary>Compacts as a kube-apiserver does: at every interval up to the revision of the interval before.</summary>
internal static class KubernetesCompaction
{
    /// <summary>Runs until the token is cancelled.</summary>
    /// <exception cref="GrpcException">The server refused a compaction.</exception>
    public static async Task Run(string endpoint, TimeSpan interval, CancellationToken stopped)
    {
        await using var channel = new EtcdChannel(endpoint);
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

            var current = await channel.Unary<RangeResponse>(EtcdMethods.Range, new RangeRequest { Key = ByteString.CopyFromUtf8("compact_rev_key") });
            if (before > 0)
            {
                await channel.Unary(EtcdMethods.Compact, new CompactionRequest { Revision = before }.ToByteArray());
            }

            before = current.Header.Revision;
        }
    }
}
