namespace Kine.Backends.Nats;

// Messages that only land right behind the last one applied here: that is the fence.
internal sealed partial class NatsLog
{
    private const int PartBytesUnderWay = 4 << 20;
    private const int WriteTries = 6;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan TakeOverPatience = TimeSpan.FromSeconds(3);

    /// <summary>See <see cref="IRevisionStore.TakeOver"/>.</summary>
    public async Task<Fence?> TakeOver(Fence seen, FenceContent claim, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            // Loaded before it claims: a holder that is still loading could not renew.
            await CatchUp(cancellationToken).ConfigureAwait(false);
            var started = Environment.TickCount64;
            while (seen.Epoch == _state.Tail.Epoch && seen.Counter == (long)_state.Tail.Sequence)
            {
                if (await Claim(seen.Epoch + 1, claim).ConfigureAwait(false))
                {
                    break;
                }

                // Repeating is safe: both messages want the same place, so that one of them lands at most.
                if (Environment.TickCount64 - started > TakeOverPatience.TotalMilliseconds)
                {
                    throw new StoreUnavailableException("NATS did not answer whether the log was taken over");
                }

                await CatchUp(cancellationToken).ConfigureAwait(false);
            }
            if (_state.Tail.Epoch != seen.Epoch + 1 || _state.Fence.Holder != claim.Holder)
            {
                return null;
            }

            _held = new FenceToken(_state.Tail.Epoch, claim.Holder);
            return _state.ToFence();
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>See <see cref="IRevisionStore.Renew"/>.</summary>
    public async Task Renew(FenceToken token)
    {
        await Write(token, () => Publish(MessageKind.Renewal, 0, _state.Tail.LastRevision, null, default)).ConfigureAwait(false);
        await DropOldRenewals().ConfigureAwait(false);
    }

    /// <summary>See <see cref="IRevisionStore.Release"/>.</summary>
    public Task Release(FenceToken token) => Write(
        token,
        async () =>
        {
            var content = new ByteWriter();
            new FenceContent(Guid.Empty, "", _state.Fence.LeaseTime).WriteTo(content);
            await Publish(MessageKind.Fence, 0, _state.Tail.LastRevision, content, default).ConfigureAwait(false);
            _held = null;
        });

    /// <summary>See <see cref="IRevisionStore.Append"/>.</summary>
    public async Task Append(AppendBatch batch)
    {
        var started = Environment.TickCount64;
        await Write(
            batch.Token,
            () => batch.ExpectedRevision == _state.Tail.LastRevision
                ? AppendParts(batch)
                : throw new FencedException($"an append after revision {batch.ExpectedRevision} was refused: the log ends at {_state.Tail.LastRevision}"))
            .ConfigureAwait(false);
        ReportSlow("append", started);
    }

    private async Task<bool> Claim(long epoch, FenceContent claim)
    {
        var content = new ByteWriter();
        claim.WriteTo(content);
        try
        {
            await Publish(MessageKind.Fence, 0, _state.Tail.LastRevision, content, default, epoch).ConfigureAwait(false);
            return true;
        }
        catch (JetStreamException error) when (error.Code == JetStreamException.WrongLastSequence)
        {
            return false;
        }
        catch (JetStreamException error)
        {
            throw new StoreUnavailableException(error.Message, error);
        }
        catch (ConnectionException)
        {
            await Task.Delay(Pause).ConfigureAwait(false);
            return false;
        }
    }

    /// <summary>
    /// Runs a fenced write in its turn. A wrong sequence is either another holder, or an own earlier message whose answer was lost: the state tells, and in
    /// the second case the write, which certainly did not happen, is tried again behind it.
    /// </summary>
    private async Task Write(FenceToken token, Func<Task> write)
    {
        await _turn.WaitAsync().ConfigureAwait(false);
        try
        {
            for (var tries = 1; ; tries++)
            {
                if (_behind)
                {
                    await CatchUp(CancellationToken.None).ConfigureAwait(false);
                }

                if (!Holds(token))
                {
                    throw new FencedException($"epoch {token.Epoch} was refused: the fence is now {_state.ToFence()}");
                }

                try
                {
                    await write().ConfigureAwait(false);
                    return;
                }
                catch (JetStreamException error) when (error.Code == JetStreamException.WrongLastSequence && tries < WriteTries)
                {
                    _behind = true;
                }
            }
        }
        catch (JetStreamException error)
        {
            throw new StoreUnavailableException($"NATS refused a message of the log: {error.Message}", error);
        }
        catch (ConnectionException error)
        {
            throw error.MaybeSent
                ? new OutcomeUnknownException(error.Message, error)
                : new StoreUnavailableException(error.Message, error);
        }
        finally
        {
            _turn.Release();
        }
    }

    private async Task AppendParts(AppendBatch batch)
    {
        var connection = await _writing.Get().ConfigureAwait(false);
        var parts = AppendPart.Split(batch, connection.MaxPayload);
        try
        {
            await SendParts(connection, parts).ConfigureAwait(false);
        }
        catch (ConnectionException error)
        {
            // The message that would make them count was never sent.
            throw new ConnectionException(error.Message, sent: false, error);
        }
        var last = parts[^1];
        await Publish(MessageKind.Append, parts.Count - 1, batch.LastRevision, last.Content, last.Payload).ConfigureAwait(false);
    }

    private async Task SendParts(Connection connection, List<AppendPart> parts)
    {
        var before = _state.Tail.Sequence;
        for (var next = 0; next < parts.Count - 1;)
        {
            var wave = new List<(LogTail Tail, ByteWriter? Content, ReadOnlyMemory<byte> Payload)>();
            long bytes = 0;
            for (; next < parts.Count - 1 && bytes < PartBytesUnderWay; next++)
            {
                wave.Add((_state.Tail with { Kind = MessageKind.Part, Part = next, Sequence = before + (ulong)next + 1 }, parts[next].Content, parts[next].Payload));
                bytes += parts[next].Content.Length + parts[next].Payload.Length;
            }
            try
            {
                await _stream.Publish(connection, wave).ConfigureAwait(false);
            }
            catch
            {
                _behind = true;
                throw;
            }
            foreach ((var tail, var content, _) in wave)
            {
                _state.Apply(tail, content!.Written.Span);
            }
        }
    }

    // Publishes the next message of the log and applies it.
    private async Task Publish(
        MessageKind kind, int part, long lastRevision, ByteWriter? content, ReadOnlyMemory<byte> payload, long? epoch = null)
    {
        var sequence = _state.Tail.Sequence + 1;
        var tail = new LogTail(
            kind,
            sequence,
            part,
            epoch ?? _state.Tail.Epoch,
            lastRevision,
            kind == MessageKind.Fence ? sequence : _state.Tail.Fence,
            kind == MessageKind.Checkpoint ? sequence : _state.Tail.Checkpoint);
        try
        {
            var connection = await _writing.Get().ConfigureAwait(false);
            await _stream.Publish(connection, [(tail, content, payload)]).ConfigureAwait(false);
        }
        catch
        {
            _behind = true;
            throw;
        }
        _state.Apply(tail, content is null ? default : content.Written.Span);
    }
}
