using Kine.Grains;

namespace Kine.Host.Bench.Http2;

/// <summary>A call that ended with a status other than OK, by the server's word or because the connection failed.</summary>
public sealed class GrpcException : Exception
{
    /// <summary>Creates the exception of a status.</summary>
    public GrpcException(StatusCode code, string detail, Exception? inner = null)
        : base($"{code}: {detail}", inner)
    {
        Code = code;
        Detail = detail;
    }

    /// <summary>The status code.</summary>
    public StatusCode Code { get; }

    /// <summary>grpc-message, decoded; or what went wrong with the connection.</summary>
    public string Detail { get; }
}
