namespace Kine.Host.Bench.Http2;

/// <summary>Error codes of RST_STREAM and GOAWAY (RFC 9113, section 7).</summary>
public enum Http2ErrorCode : uint
{
    /// <summary>Graceful end.</summary>
    NoError = 0,

    /// <summary>The peer broke the protocol.</summary>
    ProtocolError = 1,

    /// <summary>Unexpected internal error.</summary>
    InternalError = 2,

    /// <summary>The peer broke flow control.</summary>
    FlowControlError = 3,

    /// <summary>No answer to SETTINGS in time.</summary>
    SettingsTimeout = 4,

    /// <summary>Frame for a stream that is half-closed.</summary>
    StreamClosed = 5,

    /// <summary>Frame of a wrong size.</summary>
    FrameSizeError = 6,

    /// <summary>The stream was not processed at all.</summary>
    RefusedStream = 7,

    /// <summary>The stream is not needed any more.</summary>
    Cancel = 8,

    /// <summary>The header compression state is lost.</summary>
    CompressionError = 9,

    /// <summary>A CONNECT request's connection failed.</summary>
    ConnectError = 10,

    /// <summary>The peer produces too much load.</summary>
    EnhanceYourCalm = 11,

    /// <summary>TLS is too weak.</summary>
    InadequateSecurity = 12,

    /// <summary>HTTP/1.1 is asked for.</summary>
    Http11Required = 13,
}
