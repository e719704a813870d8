using System.Security.Cryptography;
using Grpc.Core;
using Kine.Etcd;
using Kine.Grains.Snapshots;
using Kine.Host.Client;

namespace Kine.Host.Transfer;

/// <summary>Maintenance.Snapshot of a running server into a file.</summary>
internal static class SnapshotDownload
{
    /// <summary>
    /// Writes to <c>path.part</c>, checks what came against its sha256, and gives it its name when it is on disk. <paramref name="progress"/> gets bytes
    /// received and bytes in all. Throws <see cref="RpcException"/> when the server ends it, <see cref="SnapshotException"/> when it came damaged.
    /// </summary>
    public static async Task Save(EtcdChannel channel, string path, Action<long, long> progress, CancellationToken cancellationToken)
    {
        var part = path + ".part";
        try
        {
            await using (var file = new FileStream(part, Options()))
            {
                await Receive(channel, file, progress, cancellationToken);
                file.Flush(flushToDisk: true);
            }

            File.Move(part, path, overwrite: true);
        }
        catch
        {
            File.Delete(part);
            throw;
        }
    }

    // For its owner alone, as etcdctl has it: secrets may be in it.
    private static FileStreamOptions Options()
    {
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;

        return options;
    }

    private static async Task Receive(EtcdChannel channel, FileStream file, Action<long, long> progress, CancellationToken cancellationToken)
    {
        using var call = channel.Maintenance.Snapshot(new SnapshotRequest(), cancellationToken: cancellationToken);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

        // The checksum is the end of the stream, however it is cut into messages.
        byte[] tail = [];
        long received = 0;
        await foreach (var reply in call.ResponseStream.ReadAllAsync(cancellationToken))
        {
            byte[] known = [.. tail, .. reply.Blob.Span];
            var body = Math.Max(known.Length - SHA256.HashSizeInBytes, 0);
            hash.AppendData(known, 0, body);
            tail = known[body..];
            await file.WriteAsync(reply.Blob.Memory, cancellationToken);
            received += reply.Blob.Length;
            progress(received, received + (long)reply.RemainingBytes);
        }

        if (received % 512 != SHA256.HashSizeInBytes || !hash.GetHashAndReset().AsSpan().SequenceEqual(tail))
            throw new SnapshotException("the snapshot came damaged: its checksum does not hold");
    }
}
