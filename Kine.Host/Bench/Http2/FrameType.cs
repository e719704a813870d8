namespace Kine.Host.Bench.Http2;

/// <summary>Frame types of RFC 9113, section 6. Others are ignored, as the RFC asks.</summary>
public enum FrameType : byte
{
    /// <summary>Part of a message.</summary>
    Data = 0,

    /// <summary>Headers or trailers.</summary>
    Headers = 1,

    /// <summary>Deprecated priority.</summary>
    Priority = 2,

    /// <summary>End of a stream by error or cancellation.</summary>
    RstStream = 3,

    /// <summary>Settings of a peer, or their acknowledgement.</summary>
    Settings = 4,

    /// <summary>Server push, which this client refuses.</summary>
    PushPromise = 5,

    /// <summary>Liveness and round-trip probe.</summary>
    Ping = 6,

    /// <summary>No more streams on this connection.</summary>
    GoAway = 7,

    /// <summary>More bytes may be sent.</summary>
    WindowUpdate = 8,

    /// <summary>Rest of a header block.</summary>
    Continuation = 9,
}
