namespace Kine.Host.Bench.Http2;

/// <summary>Frame flags of RFC 9113; <see cref="Ack"/> and <see cref="EndStream"/> share a bit on different frame types.</summary>
[Flags]
public enum FrameFlags : byte
{
    /// <summary>No flag.</summary>
    None = 0,

    /// <summary>Last frame of this direction (DATA, HEADERS).</summary>
    EndStream = 1,

    /// <summary>Acknowledgement (SETTINGS, PING).</summary>
    Ack = 1,

    /// <summary>The header block ends here (HEADERS, CONTINUATION).</summary>
    EndHeaders = 4,

    /// <summary>A pad length precedes the payload (DATA, HEADERS).</summary>
    Padded = 8,

    /// <summary>Five bytes of priority precede the block (HEADERS).</summary>
    Priority = 32,
}
