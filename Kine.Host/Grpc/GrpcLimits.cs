namespace Kine.Host.Grpc;

/// <summary>Sizes of messages, as etcd has them.</summary>
internal static class GrpcLimits
{
    /// <summary>What stands before each message: one byte flag, four bytes length, big-endian.</summary>
    public const int PrefixLength = 5; // bytes

    /// <summary>A message above this is refused before it is read.</summary>
    public const int MaxMessageLength = 2 * 1024 * 1024; // bytes

    /// <summary>A write above this is refused as too large.</summary>
    public const int MaxWriteLength = 1536 * 1024; // bytes

    /// <summary>Headers of one request, all together.</summary>
    public const int MaxHeaderLength = 16 * 1024 * 1024; // bytes

    /// <summary>Headers of one request: as many as fit in their length, for each has a name.</summary>
    public const int MaxHeaders = MaxHeaderLength / 32;

    /// <summary>Unflushed reply bytes after which a writer waits for the client.</summary>
    public const int FlushThreshold = 32 * 1024; // bytes

    /// <summary>Replies in pieces are compressed up to this when the client compresses; longer ones go as they are, so that none is held whole.</summary>
    public const int MaxCompressedReply = 1024 * 1024; // bytes

    private const int CallBytes = 32 * 1024; // bytes that a call takes in Kestrel, the library and here while it waits
    private const int LeastMaxCalls = 1_000;

    /// <summary>Messages announced but not yet here, of all calls together; above it calls are refused.</summary>
    public const long MaxPartialBytes = 128L * 1024 * 1024; // bytes

    /// <summary>Streams under way, of all connections together, by the memory that the process may use, and as many other calls; above it they are refused.</summary>
    public static readonly int MaxCalls = (int)Math.Clamp(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 2 / CallBytes, LeastMaxCalls, int.MaxValue);

    /// <summary>Time in which a message that counts as partial must be here.</summary>
    public static readonly TimeSpan PartialTime = TimeSpan.FromSeconds(60);
}
