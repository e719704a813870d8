namespace Kine.Backends.Upstream;

/// <summary>
/// A store whose database may hold upstream kine's table beside its own. It is only read, never changed. Errors are those of
/// <see cref="IRevisionStore"/>'s reads.
/// </summary>
public interface IUpstreamTable
{
    /// <summary>True when upstream's table <c>kine</c> is there. The store is open.</summary>
    Task<bool> HasUpstreamTable(CancellationToken cancellationToken);

    /// <summary>Up to <paramref name="maxRows"/> rows with ids above <paramref name="afterId"/> in order of their ids; empty when none is left.</summary>
    Task<List<UpstreamRow>> ReadUpstreamRows(long afterId, int maxRows, CancellationToken cancellationToken);
}
