using Kine.Backends;

namespace Kine.Grains.Revision;

/// <summary>How much the store may hold (etcd's --quota-backend-bytes). Between two looks at the store, what was accepted since is added up.</summary>
/// <param name="Limit">Bytes, 0 = none.</param>
internal sealed class SpaceQuota(long limit)
{
    private long _size;

    /// <summary>Bytes, 0 = none.</summary>
    public long Limit { get; } = limit;

    /// <summary>True when <paramref name="bytes"/> more stay within the limit; counts them as taken.</summary>
    public bool Fits(long bytes)
    {
        if (Limit <= 0)
        {
            return true;
        }

        if (_size + bytes > Limit)
        {
            return false;
        }

        _size += bytes;
        return true;
    }

    /// <summary>Takes the store's word for what is there.</summary>
    public void Set(StoreSize size) => _size = size.Total;
}
