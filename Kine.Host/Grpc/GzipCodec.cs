using System.Buffers;
using System.IO.Compression;

namespace Kine.Host.Grpc;

/// <summary>The one message encoding besides identity.</summary>
internal static class GzipCodec
{
    /// <summary>Name in grpc-encoding and grpc-accept-encoding.</summary>
    public const string Name = "gzip";

    /// <summary>
    /// Unpacks a message of at most <paramref name="limit"/> bytes; stops as soon as it is longer, however far it would go on.
    /// </summary>
    public static ReadOnlySequence<byte> Decompress(ReadOnlySequence<byte> compressed, int limit)
    {
        var packed = ArrayPool<byte>.Shared.Rent((int)compressed.Length);
        try
        {
            compressed.CopyTo(packed);
            using var gzip = new GZipStream(new MemoryStream(packed, 0, (int)compressed.Length, writable: false), CompressionMode.Decompress);
            var plain = new ArrayBufferWriter<byte>(4096);
            while (true)
            {
                var read = gzip.Read(plain.GetSpan(4096));
                if (read == 0)
                {
                    return new ReadOnlySequence<byte>(plain.WrittenMemory);
                }

                plain.Advance(read);
                if (plain.WrittenCount > limit)
                {
                    throw GrpcErrors.DecompressedTooLarge(plain.WrittenCount, limit);
                }
            }
        }
        catch (InvalidDataException e)
        {
            throw GrpcErrors.BadCompression(e.Message);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(packed);
        }
    }

    /// <summary>Packs a message.</summary>
    public static ReadOnlyMemory<byte> Compress(ReadOnlySpan<byte> plain)
    {
        var packed = new MemoryStream((plain.Length / 4) + 64);
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(plain);
        }

        return packed.GetBuffer().AsMemory(0, (int)packed.Length);
    }
}
