namespace Kine.Grains.Writing;

/// <summary>Who counts a lease's time down: told when a lease begins or begins anew, and when it is gone. Both return at once; what is not heard is found out later.</summary>
internal interface ILeaseClocks
{
    /// <summary>The lease has its whole TTL, in seconds.</summary>
    void Start(long lease, long ttl);

    /// <summary>The lease is gone.</summary>
    void Stop(long lease);
}
