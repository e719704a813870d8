namespace Kine.Host.Grpc;

/// <summary>A message on its way here, with the room it was given; disposed when it is here or given up.</summary>
internal sealed class PartialMessage : IDisposable
{
    private readonly PartialMessages _owner;
    private readonly int _length;
    private readonly ITimer _timer;
    private bool _late;

    public PartialMessage(PartialMessages owner, int length, Action wake, TimeSpan patience, TimeProvider time)
    {
        _owner = owner;
        _length = length;
        _timer = time.CreateTimer(
            _ =>
            {
                Volatile.Write(ref _late, true);
                wake();
            },
            null,
            patience,
            Timeout.InfiniteTimeSpan);
    }

    /// <summary>True when its time is up.</summary>
    public bool IsLate => Volatile.Read(ref _late);

    public void Dispose()
    {
        _timer.Dispose();
        _owner.Leave(_length);
    }
}
