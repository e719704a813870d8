using Kine.Grains;

namespace Kine.Tests.Wire;

/// <summary>A call that ended with a status other than OK, or without one (the connection or the stream broke).</summary>
public sealed class RpcError : Exception
{
    public RpcError(StatusCode code, string status, Exception? transport = null)
        : base($"{code}: {status}", transport)
    {
        Code = code;
        Status = status;
    }

    /// <summary>The status code; Unavailable where the transport broke before a status came.</summary>
    public StatusCode Code { get; }

    /// <summary>grpc-message, percent-decoded.</summary>
    public string Status { get; }

    /// <summary>True when no gRPC status was received.</summary>
    public bool IsTransport => InnerException is not null;
}
