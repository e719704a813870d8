namespace Kine.Grains.Writing;

/// <summary>Who runs the clocks of leases. Told by the writer's loop; no call waits.</summary>
internal interface ILeaseClocks
{
    /// <summary>All leases have new runs, which are to be asked for.</summary>
    void Restart();

    /// <summary>These runs began.</summary>
    void Apply(LeaseRun[] runs);

    /// <summary>Makes up for clocks that were lost with their process, and for calls that failed, until the writer ends.</summary>
    Task Watch(CancellationToken ended);
}
