namespace Kine.Tests.Figures;

/// <summary>A call that is made again while its outcome is Unavailable.</summary>
internal static class RetriedCall
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(3);
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    /// <summary>Gives the answer.</summary>
    /// <exception cref="RpcException">Another error, or none but Unavailable for a minute.</exception>
    public static Task<T> Run<T>(Func<Task<T>> call) => Run(_ => call());

    /// <summary>The same; the call is told how often it was made before.</summary>
    /// <exception cref="RpcException">Another error, or none but Unavailable for a minute.</exception>
    public static async Task<T> Run<T>(Func<int, Task<T>> call)
    {
        using var limit = new CancellationTokenSource(Patience);
        for (var before = 0; ; before++)
        {
            try
            {
                return await call(before);
            }
            catch (RpcException error) when (error.StatusCode == StatusCode.Unavailable && !limit.IsCancellationRequested)
            {
                // A process that cannot be reached says so at once.
                await Task.Delay(Pause, CancellationToken.None);
            }
        }
    }
}
