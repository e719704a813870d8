namespace Kine.Backends.Nats;

// From the stream to the state in memory. The caller has the turn.
internal sealed partial class NatsLog
{
    private const int SingleGets = 8; // fewer messages than this aren't worth a consumer
    private bool _reload;

    private async Task CatchUp(CancellationToken cancellationToken)
    {
        for (var tries = 0; ; tries++)
        {
            try
            {
                if (await Reading(connection => CatchUpOnce(connection, cancellationToken), cancellationToken).ConfigureAwait(false))
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
            {
                throw new StoreUnavailableException("the log changes faster than it can be read");
            }
        }
    }

    // False when messages were deleted under the reader, so that it has to begin again.
    private async Task<bool> CatchUpOnce(Connection connection, CancellationToken cancellationToken)
    {
        var stream = await _stream.State(connection).ConfigureAwait(false);
        var state = _state;
        if (stream.LastSeq == state.Tail.Sequence && !_reload)
        {
            return true;
        }

        var last = await ReadLast(connection, stream).ConfigureAwait(false);
        var begun = state.Tail.Sequence;
        var lost = stream.LastSeq < begun || (last.Fence <= begun && last.Epoch != state.Tail.Epoch);
        if (lost || _reload || begun < last.Checkpoint)
        {
            // Readers keep the old state until the new one is whole.
            state = new LogState();
            begun = last.Checkpoint;
            if (begun > 0 && !await LoadCheckpoint(connection, state, begun).ConfigureAwait(false))
            {
                return false;
            }
        }
        try
        {
            await Replay(connection, state, stream.LastSeq, cancellationToken).ConfigureAwait(false);
        }
        catch (StoreBrokenException)
        {
            _reload = true;
            if (!await CheckpointMoved(connection, begun).ConfigureAwait(false))
            {
                throw;
            }

            return false;
        }
        _reload = await CheckpointMoved(connection, begun).ConfigureAwait(false);
        if (_reload)
        {
            return false;
        }

        if (state.Tail.Sequence < stream.LastSeq)
        {
            state.Skip(stream.LastSeq);
        }

        if (state != _state)
        {
            _cache.Clear();
            _state = state;
        }
        return true;
    }

    // The holder deletes what its newest checkpoint covers: whoever read on from before it may have missed something.
    private async Task<bool> CheckpointMoved(Connection connection, ulong begun)
    {
        var last = await ReadLast(connection, await _stream.State(connection).ConfigureAwait(false)).ConfigureAwait(false);
        return begun < last.Checkpoint;
    }

    private async Task<bool> LoadCheckpoint(Connection connection, LogState state, ulong sequence)
    {
        if (await _stream.Get(connection, sequence).ConfigureAwait(false) is not { } message)
        {
            return false;
        }

        (var covered, var pieces) = LogState.ReadCheckpoint(message.Content);
        var tail = message.Tail;
        var fetched = await _stream.GetAll(connection, pieces).ConfigureAwait(false);
        if (fetched.Contains(null) || await FenceAt(connection, tail.Fence).ConfigureAwait(false) is not { } fence)
        {
            return false;
        }

        byte[] bytes = [.. fetched.SelectMany(piece => piece!.Data)];
        Checkpoint.Decode(bytes, state.Index, state.Side);
        state.Begin(tail, covered, fence);
        return true;
    }

    private async Task Replay(Connection connection, LogState state, ulong to, CancellationToken cancellationToken)
    {
        var from = state.Tail.Sequence + 1;
        if (to >= from + SingleGets)
        {
            await _headers.Read(
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
        {
            sequences.Add(sequence);
        }

        foreach (var message in await _stream.GetAll(connection, sequences).ConfigureAwait(false))
        {
            if (message is not null)
            {
                state.Apply(message.Tail, message.Content);
            }
        }
    }
}
