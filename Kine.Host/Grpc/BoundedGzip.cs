using System.IO.Compression;
using Grpc.Net.Compression;

namespace Kine.Host.Grpc;

/// <summary>gzip for messages. One that unpacks to more than a message may have is refused as soon as it is longer, however far it would go on.</summary>
internal sealed class BoundedGzip : ICompressionProvider
{
    /// <summary>Name in grpc-encoding and grpc-accept-encoding.</summary>
    public const string Name = "gzip";

    public string EncodingName => Name;

    public Stream CreateCompressionStream(Stream stream, CompressionLevel? compressionLevel) =>
        new GZipStream(stream, CompressionLevel.Fastest, leaveOpen: true);

    public Stream CreateDecompressionStream(Stream stream) => new Unpacking(stream);

    private sealed class Unpacking(Stream packed) : Stream
    {
        private readonly GZipStream _gzip = new(packed, CompressionMode.Decompress);
        private long _length;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => _length;
            set => throw new NotSupportedException();
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override int Read(Span<byte> buffer)
        {
            int read;
            try
            {
                read = _gzip.Read(buffer);
            }
            catch (InvalidDataException error)
            {
                throw GrpcErrors.BadCompression(error.Message);
            }

            _length += read;
            return _length <= GrpcLimits.MaxMessageLength ? read : throw GrpcErrors.DecompressedTooLarge(_length, GrpcLimits.MaxMessageLength);
        }

        public override void Flush() => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            _gzip.Dispose();
            base.Dispose(disposing);
        }
    }
}
