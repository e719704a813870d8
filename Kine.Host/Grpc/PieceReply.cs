using System.Buffers;

namespace Kine.Host.Grpc;

/// <summary>A reply that is written from bytes which are there already, and so large at times that it is sent before it is written to its end.</summary>
internal abstract class PieceReply
{
    /// <summary>Bytes of the message.</summary>
    public abstract long Length { get; }

    /// <summary>Bytes after which a piece may end.</summary>
    public int Enough { get; set; } = GrpcLimits.FlushThreshold;

    /// <summary>True when all was written that is at hand.</summary>
    public abstract bool IsWritten { get; }

    /// <summary>Writes the next piece.</summary>
    public abstract void Write(IBufferWriter<byte> output);
}
