using Kine.Backends;
using Microsoft.Extensions.Logging;

namespace Kine.Grains.Writing;

/// <summary>
/// How much the store may hold (etcd's --quota-backend-bytes). Between two looks at the store, what was written since is added up. A look is taken each time that
/// a thousandth of the limit was appended.
/// </summary>
internal sealed class SpaceQuota(IRevisionStore store, long limit, ILogger log)
{
    private const int Looks = 1000; // for the whole limit

    private long _size;
    private long _appended;
    private int _looking;
    private volatile Measured _latest = new(default);
    private bool _storeWasFull;

    /// <summary>True when <paramref name="bytes"/> more stay within the limit.</summary>
    public bool Fits(long bytes) => limit <= 0 || Volatile.Read(ref _size) + bytes <= limit;

    /// <summary>True while the store itself has no space but for what makes room. One caller at a time.</summary>
    public bool StoreIsFull
    {
        get
        {
            var full = store.IsFull;
            if (full)
                log.LogWarning("There is no space left for {Store}: it takes only deletes and compactions until there is some", store.Description);
            else if (_storeWasFull)
                log.LogInformation("There is space for {Store} again", store.Description);

            return _storeWasFull = full;
        }
    }

    /// <summary>Counts bytes as taken, negative ones as not taken after all.</summary>
    public void Take(long bytes)
    {
        if (limit > 0)
            Interlocked.Add(ref _size, bytes);
    }

    /// <summary>Counts what was appended; looks at the store when it is time. One caller at a time.</summary>
    public void Appended(long bytes)
    {
        _appended += bytes;
        if (limit > 0 && _appended > limit / Looks && Interlocked.Exchange(ref _looking, 1) == 0)
        {
            _appended = 0;
            _ = Look();
        }
    }

    /// <summary>What the store holds; what it held at the last look while it is away. Who asks for the status then wants an answer most of all.</summary>
    public async Task<StoreSize> Latest()
    {
        try
        {
            await Measure(CancellationToken.None);
        }
        catch (StoreUnavailableException error)
        {
            log.LogWarning("Status tells an earlier size of the store: {Reason}", error.Message);
        }

        return _latest.Size;
    }

    /// <summary>Takes the store's word for what is there.</summary>
    public async Task Measure(CancellationToken cancellationToken)
    {
        var size = await store.Size(cancellationToken);
        _latest = new Measured(size);
        Volatile.Write(ref _size, size.Total);
    }

    private async Task Look()
    {
        try
        {
            await Measure(CancellationToken.None);
        }
        catch (StoreUnavailableException error)
        {
            log.LogWarning(error, "The store's size could not be read");
        }
        finally
        {
            Volatile.Write(ref _looking, 0);
        }
    }

    private sealed record Measured(StoreSize Size);
}
