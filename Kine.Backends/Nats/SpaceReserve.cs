namespace Kine.Backends.Nats;

/// <summary>
/// Room kept in JetStream for what has to go on when a limit of storage is reached, in two streams beside the log's. Tombstones may use the common part; the last
/// one is for what gives space back, a renewal and a take-over. Where it cannot be kept (nobody may make a stream) the log does without.
/// <code>
/// whole          -> a message was refused                -> last part, IsFull; tombstones land
/// last part      -> a compaction was refused             -> nothing; its messages land, and what they bury is deleted
/// either, full   -> room for the whole and a little more -> whole
/// </code>
/// Only the holder of the log fills it.
/// </summary>
internal sealed class SpaceReserve(NatsOptions options, SlowRequests slow, LogReplica replica)
{
    private const long MostBytes = 8 << 20;
    private const long LeastBytes = 1 << 20;
    private const int ShareOfLog = 4; // of a small one
    private const int ShareOfReserve = 4; // free beside it, before puts go on
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(2); // who may not ask gets no answer
    private const int RetryMilliseconds = 60_000;
    private const int FullMilliseconds = 5000; // where there is no reserve to tell
    private readonly NatsOptions _options = options with { Timeout = options.Timeout < AnswerLimit ? options.Timeout : AnswerLimit };
    private readonly ReserveStream _common = new(options, options.ReserveStream, options.ReserveSubject);
    private readonly ReserveStream _last = new(options, options.LastStream, options.LastSubject);
    private readonly SemaphoreSlim _turn = new(1);
    private volatile bool _isFull;
    private int _wanted; // callers that wait for room
    private int _givenUp; // times that filling it found the storage full, so that there is room for who was refused meanwhile
    private long _failedUntil;
    private long _refusedAt;

    /// <summary>True from a refusal until the reserve is whole again.</summary>
    public bool IsFull
    {
        get => _isFull;
        private set => _isFull = value;
    }

    /// <summary>True when it has to be filled, or is too small for what the log has become.</summary>
    public bool IsShort => !IsFull && Environment.TickCount64 >= Volatile.Read(ref _failedUntil)
        && ((_common.Held ?? 0) < CommonBytes / 2 || (_last.Held ?? 0) < LastBytes / 2);

    /// <summary>Called when <see cref="IsFull"/> has become true.</summary>
    public Action Filled { get; set; } = static () => { };

    // A quarter of a small log: there is not always room for more.
    private long CommonBytes => Math.Clamp((replica.State.Index.LiveBytes + replica.State.Index.DeadBytes) / ShareOfLog, LeastBytes, MostBytes);

    private long LastBytes => Math.Max(LeastBytes, Checkpoint.Estimate(replica.State.Index) * 2);

    private bool IsWanted => Volatile.Read(ref _wanted) > 0;

    /// <summary>Notes that a message was refused and gives up the next part; false when there is none left.</summary>
    /// <param name="withLast">Whether what was refused makes room.</param>
    public async Task<bool> Release(bool withLast)
    {
        Volatile.Write(ref _refusedAt, Environment.TickCount64);
        var givenUp = Volatile.Read(ref _givenUp);
        IsFull = true;
        Interlocked.Increment(ref _wanted);
        try
        {
            using var turn = await Turn.In(_turn).ConfigureAwait(false);
            return givenUp != Volatile.Read(ref _givenUp) || await Remove(_common).ConfigureAwait(false) || (withLast && await Remove(_last).ConfigureAwait(false));
        }
        finally
        {
            Interlocked.Decrement(ref _wanted);
            Filled();
        }
    }

    /// <summary>
    /// Fills it. When that fails for lack of space, <see cref="IsFull"/> is true; it stays so until there is room for a little more than the reserve. When it fails
    /// otherwise, <see cref="IsFull"/> is true for a while.
    /// </summary>
    public async Task Fill(CancellationToken cancellationToken)
    {
        if (Environment.TickCount64 < Volatile.Read(ref _failedUntil))
        {
            IsFull = IsFull && Environment.TickCount64 - Volatile.Read(ref _refusedAt) < FullMilliseconds;
            return;
        }

        using var turn = await Turn.In(_turn, cancellationToken).ConfigureAwait(false);
        using var connector = new Connector(_options, slow);
        try
        {
            var connection = await connector.Get(cancellationToken).ConfigureAwait(false);
            await _last.Fill(connection, LastBytes, () => IsWanted, cancellationToken).ConfigureAwait(false);
            if (await TryFillCommon(connection, cancellationToken).ConfigureAwait(false))
                IsFull = false;
        }
        catch (JetStreamException error) when (error.IsFull)
        {
            IsFull = true;
        }
        catch (Exception error) when (error is JetStreamException or ConnectionException)
        {
            Volatile.Write(ref _failedUntil, Environment.TickCount64 + RetryMilliseconds);
        }
    }

    /// <summary>Forgets what this process knew: another one holds the log.</summary>
    public void Forget() => IsFull = false;

    private async Task<bool> TryFillCommon(Connection connection, CancellationToken cancellationToken)
    {
        var bytes = CommonBytes;
        try
        {
            await _common.Fill(connection, IsFull ? bytes + (bytes / ShareOfReserve) : bytes, () => IsWanted, cancellationToken).ConfigureAwait(false);
            if (IsWanted)
                return false; // whoever waits removes it

            if (IsFull)
                await _common.Trim(connection, bytes, cancellationToken).ConfigureAwait(false);

            return true;
        }
        catch (JetStreamException error) when (error.IsFull)
        {
            IsFull = true;
            if (await Remove(_common).ConfigureAwait(false))
                Interlocked.Increment(ref _givenUp);

            return false;
        }
    }

    private async Task<bool> Remove(ReserveStream part)
    {
        if (part.Held == 0)
            return false;

        using var connector = new Connector(_options, slow);
        try
        {
            return await connector.Repeat(connection => part.Remove(connection, CancellationToken.None), CancellationToken.None).ConfigureAwait(false);
        }
        catch (StoreUnavailableException)
        {
            return false; // so what was to be written is refused
        }
    }
}
