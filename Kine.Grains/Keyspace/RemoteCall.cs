#if ORLEANS
using Orleans.Runtime;

#endif
namespace Kine.Grains.Keyspace;

/// <summary>Calls to grains that may be in another process.</summary>
internal static class RemoteCall
{
    /// <summary>The answer. A call that got none may have happened: that is Unavailable, "etcdserver: request timed out".</summary>
    public static async Task<T> Answer<T>(Task<T> call, CancellationToken cancellationToken)
    {
        try
        {
            return await call.WaitAsync(cancellationToken);
        }
        catch (Exception error) when (IsOfTheWay(error))
        {
            throw EtcdErrors.TimedOut;
        }
    }

#if ORLEANS
    private static bool IsOfTheWay(Exception error) => error is TimeoutException or OrleansException;
#else
    private static bool IsOfTheWay(Exception error) => error is TimeoutException;
#endif
}
