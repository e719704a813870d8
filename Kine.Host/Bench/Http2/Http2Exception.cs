namespace Kine.Host.Bench.Http2;

/// <summary>The server broke HTTP/2 or HPACK in a way that ends the connection.</summary>
public sealed class Http2Exception : Exception
{
    /// <summary>Creates the exception with the code that is sent in GOAWAY.</summary>
    public Http2Exception(Http2ErrorCode code, string message)
        : base(message) => Code = code;

    /// <summary>The code sent to the server in GOAWAY.</summary>
    public Http2ErrorCode Code { get; }
}
