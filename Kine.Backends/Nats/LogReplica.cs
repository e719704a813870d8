namespace Kine.Backends.Nats;

/// <summary>
/// What the stream's messages amount to in this process. The turn is held by whoever writes to the stream or catches up with it.
/// </summary>
internal sealed class LogReplica(Connector connector, LogStream stream, HeaderReader headers, FenceRow fence)
{
    private const int CatchUpTries = 8;
    public const int SingleGets = 8; // fewer messages than this aren't worth a consumer
    private readonly SemaphoreSlim _turn = new(1);
    private volatile LogState _state = new();
    private volatile bool _behind = true;
    private bool _reload;

    public LogState State => _state;

    /// <summary>What this process took over last; null when it gave that up.</summary>
    public FenceToken? Held { get; set; }

    /// <summary>True when the stream may have more than the state.</summary>
    public bool IsBehind
    {
        get => _behind;
        set => _behind = value;
    }

    /// <summary>True when the state is the stream's: the holder applies every message itself, and nobody else's counts.</summary>
    public bool IsCurrent => !_behind && Held is { } held && IsHolder(held);

    public bool IsHolder(FenceToken token) => token.Epoch == _state.Tail.Epoch && token.Holder == _state.Fence.Holder;

    /// <summary>Held by whoever calls <see cref="CatchUp"/> or changes what the properties give.</summary>
    public ValueTask<Turn> TakeTurn(CancellationToken cancellationToken = default) => Turn.In(_turn, cancellationToken);

    /// <summary>Catches up with the stream unless this process is the one that writes it.</summary>
    public async Task Refresh(CancellationToken cancellationToken)
    {
        if (IsCurrent)
            return;

        using var turn = await TakeTurn(cancellationToken).ConfigureAwait(false);
        if (!IsCurrent)
            await CatchUp(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Catches up with the stream.</summary>
    public async Task CatchUp(CancellationToken cancellationToken)
    {
        for (var tries = 0; ; tries++)
        {
            try
            {
                if (await connector.Repeat(connection => CatchUpOnce(connection, cancellationToken), cancellationToken).ConfigureAwait(false))
                {
                    _behind = false;
                    return;
                }
            }
            catch
            {
                _behind = true;
                throw;
            }
            if (tries == CatchUpTries)
                throw new StoreUnavailableException("the log changes faster than it can be read");
        }
    }

    // False when messages were deleted under the reader, so that it has to begin again.
    private async Task<bool> CatchUpOnce(Connection connection, CancellationToken cancellationToken)
    {
        var found = await stream.State(connection, cancellationToken).ConfigureAwait(false);
        var state = _state;
        if (found.LastSeq == state.Tail.Sequence && !_reload)
            return true;

        var last = await fence.ReadTail(connection, found, cancellationToken).ConfigureAwait(false);
        var begun = state.Tail.Sequence;
        var lost = found.LastSeq < begun || (last.Fence <= begun && last.Epoch != state.Tail.Epoch);
        if (lost || _reload || begun < last.Checkpoint)
        {
            // Readers keep the old state until the new one is whole.
            state = new LogState();
            begun = last.Checkpoint;
            if (begun > 0 && !await LoadCheckpoint(connection, state, begun, cancellationToken).ConfigureAwait(false))
                return false;
        }
        try
        {
            await Replay(connection, state, found.LastSeq, cancellationToken).ConfigureAwait(false);
        }
        catch (StoreBrokenException)
        {
            _reload = true;
            if (!await CheckpointMoved(connection, begun, cancellationToken).ConfigureAwait(false))
                throw;

            return false;
        }
        _reload = await CheckpointMoved(connection, begun, cancellationToken).ConfigureAwait(false);
        if (_reload)
            return false;

        if (state.Tail.Sequence < found.LastSeq)
            state.Skip(found.LastSeq);

        _state = state;
        return true;
    }

    // The holder deletes what its newest checkpoint covers: whoever read on from before it may have missed something.
    private async Task<bool> CheckpointMoved(Connection connection, ulong begun, CancellationToken cancellationToken)
    {
        var found = await stream.State(connection, cancellationToken).ConfigureAwait(false);
        var last = await fence.ReadTail(connection, found, cancellationToken).ConfigureAwait(false);
        return begun < last.Checkpoint;
    }

    private async Task<bool> LoadCheckpoint(Connection connection, LogState state, ulong sequence, CancellationToken cancellationToken)
    {
        if (await stream.Get(connection, sequence, cancellationToken).ConfigureAwait(false) is not { } message)
            return false;

        (var covered, var pieces) = LogState.ReadCheckpoint(message.Content);
        var tail = message.Tail;
        var fetched = await stream.GetAll(connection, pieces, cancellationToken).ConfigureAwait(false);
        if (fetched.Contains(null) || await fence.ReadHolder(connection, tail.Fence, cancellationToken).ConfigureAwait(false) is not { } holder)
            return false;

        byte[] bytes = [.. fetched.SelectMany(piece => piece!.Data)];
        Checkpoint.Decode(bytes, state.Index, state.Side);
        state.Begin(tail, covered, holder);
        return true;
    }

    private async Task Replay(Connection connection, LogState state, ulong to, CancellationToken cancellationToken)
    {
        var from = state.Tail.Sequence + 1;
        if (to >= from + SingleGets)
        {
            await headers.Read(
                connection,
                from,
                to,
                message =>
                {
                    state.Apply(message.Tail, message.Content);
                    return true;
                },
                cancellationToken).ConfigureAwait(false);
            return;
        }
        var sequences = new List<ulong>();
        for (var sequence = from; sequence <= to; sequence++)
            sequences.Add(sequence);

        foreach (var message in await stream.GetAll(connection, sequences, cancellationToken).ConfigureAwait(false))
        {
            if (message is not null)
                state.Apply(message.Tail, message.Content);
        }
    }
}
