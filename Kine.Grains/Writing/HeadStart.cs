using Kine.Backends;
using Microsoft.Extensions.Logging;

namespace Kine.Grains.Writing;

/// <summary>
/// One a process: loads the index while the store's holder gives no sign of life, so that little is left to do once its time is over. A worked example:
/// <code>
/// fence 7/9 stands still  -> loads up to its last revision
/// fence 7/10              -> the holder lives: what was loaded is dropped
/// fence 7/10 stands still -> loads again
/// taken over: 8/11        -> 7/10 stood until then, so nothing was appended since; the one who takes it asks whether anything was deleted
/// </code>
/// <see cref="Follow"/> and <see cref="Take"/> may be called from any thread.
/// </summary>
public sealed class HeadStart(IRevisionStore store)
{
    private readonly Lock _lock = new(); // protects _begun
    private Begun? _begun;

    /// <summary>Takes the fence that stands still; null when none does.</summary>
    public void Follow(Fence? still, ILogger log)
    {
        lock (_lock)
        {
            if (_begun?.Fence == still)
                return;

            _begun?.Stop.Cancel();
            _begun = null;
            if (still is not null)
            {
                var stop = new CancellationTokenSource();
                _begun = new Begun(still, stop, Task.Run(() => Load(still, log, stop.Token)));
            }
        }
    }

    /// <summary>What was loaded for the fence that the caller took over, up to a revision; null when that is of no use. It is given once.</summary>
    internal Task<LoadedIndex?> Take(Fence taken, long lastRevision)
    {
        Begun? begun;
        lock (_lock)
        {
            begun = _begun;
            _begun = null;
        }

        if (begun is null)
            return Task.FromResult<LoadedIndex?>(null);

        if (begun.Fence.Epoch + 1 == taken.Epoch && begun.Fence.Counter + 1 == taken.Counter && begun.Fence.LastRevision == lastRevision)
            return begun.Loading;

        begun.Stop.Cancel();
        return Task.FromResult<LoadedIndex?>(null);
    }

    // Only where deletions can be told: a holder that shows no sign of life may delete all the same.
    private async Task<LoadedIndex?> Load(Fence fence, ILogger log, CancellationToken cancellationToken)
    {
        try
        {
            return await store.RemovedBytes(cancellationToken) is null ? null : await LoadedIndex.Load(store, fence.LastRevision, log, cancellationToken);
        }
        catch (Exception)
        {
            return null; // the load that counts says what is wrong
        }
    }

    private sealed record Begun(Fence Fence, CancellationTokenSource Stop, Task<LoadedIndex?> Loading);
}
