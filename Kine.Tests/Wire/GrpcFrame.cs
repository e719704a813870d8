using System.Buffers.Binary;
using System.IO.Compression;
using Google.Protobuf;

namespace Kine.Tests.Wire;

/// <summary>gRPC's length-prefixed messages: one byte "compressed", four bytes length (big-endian), then the message.</summary>
public static class GrpcFrame
{
    public const int PrefixLength = 5;

    /// <summary>A message with its prefix, plain or gzip-compressed.</summary>
    public static byte[] Encode(IMessage message, bool gzip = false)
    {
        var body = message.ToByteArray();
        if (gzip)
        {
            using var packed = new MemoryStream();
            using (var zip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
            {
                zip.Write(body);
            }

            body = packed.ToArray();
        }
        return Encode(body, (byte)(gzip ? 1 : 0), (uint)body.Length);
    }

    /// <summary>A body behind a prefix that may say anything, also what is not true.</summary>
    public static byte[] Encode(ReadOnlySpan<byte> body, byte flag, uint claimedLength)
    {
        var frame = new byte[PrefixLength + body.Length];
        frame[0] = flag;
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(1), claimedLength);
        body.CopyTo(frame.AsSpan(PrefixLength));
        return frame;
    }

    /// <summary>Reads the next message; null at the orderly end of the stream.</summary>
    public static async Task<T?> Read<T>(Stream stream, CancellationToken cancellation)
        where T : class, IMessage<T>, new()
    {
        var prefix = new byte[PrefixLength];
        var got = await stream.ReadAtLeastAsync(prefix, PrefixLength, throwOnEndOfStream: false, cancellation);
        if (got == 0)
            return null;

        if (got < PrefixLength)
            throw new EndOfStreamException($"the stream ended inside a frame prefix, after {got} bytes");

        var body = new byte[BinaryPrimitives.ReadUInt32BigEndian(prefix.AsSpan(1))];
        await stream.ReadExactlyAsync(body, cancellation);
        var message = new T();
        if (prefix[0] == 0)
        {
            message.MergeFrom(body);
        }
        else
        {
            using var unzip = new GZipStream(new MemoryStream(body), CompressionMode.Decompress);
            message.MergeFrom(unzip);
        }
        return message;
    }
}
