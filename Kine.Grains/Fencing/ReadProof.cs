namespace Kine.Grains.Fencing;

/// <summary>
/// Whether this process's writer may answer from memory: only while nobody else can have taken the store over. That is certain for the lease time less a
/// margin, counted from when its last sign of life that arrived was sent.
/// <code>
/// append sent ---- arrived ------------- answers from memory -------------|margin| others may take over
/// ^ counted from here
/// </code>
/// A read takes the published revision first and looks at the proof afterwards.
/// </summary>
/// <param name="clock">What time is measured by.</param>
/// <param name="always">True when holding the store is itself the proof, as with a lock for life.</param>
public sealed class ReadProof(ProofClock clock, bool always)
{
    private const int MarginParts = 10; // a tenth of the lease time, for clocks that run at different speeds

    private readonly Lock _lock = new(); // protects _renewed
    private Proof? _proof;
    private TaskCompletionSource? _renewed;

    /// <summary>This moment, for <see cref="Renew"/>.</summary>
    public ProofTime Now => clock.Now;

    /// <summary>True while answers from memory are certain to be current.</summary>
    public bool IsValid => always || (Volatile.Read(ref _proof) is { } proof && clock.Now.Since(proof.SentAt) < proof.Valid);

    /// <summary>Counts from <paramref name="sentAt"/>: when the sign of life was sent that is known to have arrived.</summary>
    public void Renew(ProofTime sentAt, TimeSpan leaseTime)
    {
        Volatile.Write(ref _proof, new Proof(sentAt, leaseTime - (leaseTime / MarginParts)));
        TaskCompletionSource? renewed;
        lock (_lock)
        {
            renewed = _renewed;
            _renewed = null;
        }

        renewed?.TrySetResult();
    }

    /// <summary>Nothing is certain any more: the writer ends, or was told that another one has the store.</summary>
    public void Drop() => Volatile.Write(ref _proof, null);

    /// <summary>Completes once the proof is valid; Unavailable "etcdserver: request timed out" when it does not within <paramref name="limit"/>.</summary>
    public async Task Wait(TimeSpan limit, TimeProvider time, CancellationToken cancellationToken)
    {
        var start = time.GetTimestamp();
        while (!IsValid)
        {
            Task renewed;
            lock (_lock)
            {
                renewed = (_renewed ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            }

            if (IsValid)
                return; // renewed between the two looks

            var left = limit - time.GetElapsedTime(start);
            if (left <= TimeSpan.Zero)
                throw EtcdErrors.TimedOut;

            try
            {
                await renewed.WaitAsync(left, time, cancellationToken).ConfigureAwait(false);
            }
            catch (TimeoutException)
            {
                throw EtcdErrors.TimedOut;
            }
        }
    }

    private sealed record Proof(ProofTime SentAt, TimeSpan Valid);
}
