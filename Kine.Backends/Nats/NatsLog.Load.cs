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
                if (await Reading(link => CatchUpOnce(link, cancellationToken), cancellationToken).ConfigureAwait(false))
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
    private async Task<bool> CatchUpOnce(NatsLink link, CancellationToken cancellationToken)
    {
        var stream = await _api.State(link).ConfigureAwait(false);
        var state = _state;
        if (stream.Last == state.Tail.Sequence && !_reload)
        {
            return true;
        }

        var last = await ReadLast(link, stream).ConfigureAwait(false);
        var begun = state.Tail.Sequence;
        var lost = stream.Last < begun || (last.Fence <= begun && last.Epoch != state.Tail.Epoch);
        if (lost || _reload || begun < last.Checkpoint)
        {
            // Readers keep the old state until the new one is whole.
            state = new LogState();
            begun = last.Checkpoint;
            if (begun > 0 && !await LoadCheckpoint(link, state, begun).ConfigureAwait(false))
            {
                return false;
            }
        }
        try
        {
            await Replay(link, state, stream.Last, cancellationToken).ConfigureAwait(false);
        }
        catch (StoreBrokenException)
        {
            _reload = true;
            if (!await CheckpointMoved(link, begun).ConfigureAwait(false))
            {
                throw;
            }

            return false;
        }
        _reload = await CheckpointMoved(link, begun).ConfigureAwait(false);
        if (_reload)
        {
            return false;
        }

        if (state.Tail.Sequence < stream.Last)
        {
            state.Skip(stream.Last);
        }

        if (state != _state)
        {
            _cache.Clear();
            _state = state;
        }
        return true;
    }

    // The holder deletes what its newest checkpoint covers: whoever read on from before it may have missed something.
    private async Task<bool> CheckpointMoved(NatsLink link, ulong begun)
    {
        var last = await ReadLast(link, await _api.State(link).ConfigureAwait(false)).ConfigureAwait(false);
        return begun < last.Checkpoint;
    }

    private async Task<bool> LoadCheckpoint(NatsLink link, LogState state, ulong sequence)
    {
        if (await _api.Get(link, sequence).ConfigureAwait(false) is not { } message)
        {
            return false;
        }

        (var covered, var pieces) = LogState.ReadCheckpoint(ByteReader.FromHeader(message.Content));
        var tail = LogTail.Parse(message.Tail);
        var fetched = await Task.WhenAll(pieces.Select(piece => _api.Get(link, piece))).ConfigureAwait(false);
        if (fetched.Contains(null) || await FenceAt(link, tail.Fence).ConfigureAwait(false) is not { } fence)
        {
            return false;
        }

        byte[] bytes = [.. fetched.SelectMany(piece => piece!.Data)];
        Checkpoint.Decode(bytes, state.Index, state.Side);
        state.Begin(tail, covered, fence);
        return true;
    }

    private async Task Replay(NatsLink link, LogState state, ulong to, CancellationToken cancellationToken)
    {
        var from = state.Tail.Sequence + 1;
        if (to >= from + SingleGets)
        {
            await _headers.Read(
                link,
                from,
                to,
                (reply, tail) =>
                {
                    Apply(state, reply, tail);
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

        foreach (var reply in await Task.WhenAll(sequences.Select(sequence => _api.Get(link, sequence))).ConfigureAwait(false))
        {
            if (reply is not null)
            {
                Apply(state, reply, LogTail.Parse(reply.Tail));
            }
        }
    }

    private static void Apply(LogState state, NatsReply reply, LogTail tail) => state.Apply(tail, ByteReader.FromHeader(reply.Content));
}
