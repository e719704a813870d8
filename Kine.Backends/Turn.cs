namespace Kine.Backends;

/// <summary>A place that was taken in a semaphore; given back at the end of its scope.</summary>
public readonly struct Turn : IDisposable
{
    private readonly SemaphoreSlim _semaphore;

    private Turn(SemaphoreSlim semaphore) => _semaphore = semaphore;

    /// <summary>Waits for a place.</summary>
    public static async ValueTask<Turn> In(SemaphoreSlim semaphore, CancellationToken cancellationToken = default)
    {
        await semaphore.WaitAsync(cancellationToken).ConfigureAwait(false);
        return new Turn(semaphore);
    }

    public void Dispose() => _semaphore.Release();
}
