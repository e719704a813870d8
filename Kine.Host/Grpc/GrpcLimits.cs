namespace Kine.Host.Grpc;

/// <summary>Sizes of messages, as etcd has them.</summary>
internal static class GrpcLimits
{
    /// <summary>A message above this is refused before it is read.</summary>
    public const int MaxMessageLength = 2 * 1024 * 1024; // bytes

    /// <summary>A write above this is refused as too large.</summary>
    public const int MaxWriteLength = 1536 * 1024; // bytes

    /// <summary>Unflushed reply bytes after which a writer waits for the client.</summary>
    public const int FlushThreshold = 32 * 1024; // bytes

    /// <summary>Replies up to this are compressed when the client compresses; longer ones go as they are, so that none is held twice.</summary>
    public const int MaxCompressedReply = 1024 * 1024; // bytes

    /// <summary>Messages announced but not yet here, of all calls together; above it calls are refused.</summary>
    public const long MaxPartialBytes = 128L * 1024 * 1024; // bytes

    /// <summary>Time in which a message that counts as partial must be here.</summary>
    public static readonly TimeSpan PartialTime = TimeSpan.FromSeconds(60);

    /// <summary>Messages up to this do not count as partial: they fit in what the transport holds for a stream anyway.</summary>
    public const int SmallMessageLength = 16 * 1024; // bytes
}
