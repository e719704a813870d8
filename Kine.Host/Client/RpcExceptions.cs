using Grpc.Core;

namespace Kine.Host.Client;

/// <summary>Failed calls as people read them.</summary>
internal static class RpcExceptions
{
    /// <summary>Code and text in one line; where the connection failed, what was wrong with it.</summary>
    public static string Describe(this RpcException failure) =>
        $"{failure.StatusCode}: {failure.Status.DebugException?.GetBaseException().Message ?? failure.Status.Detail}";
}
