namespace Kine.Backends.Nats;

/// <summary>Writes messages that only land right behind the last one applied here: that is the fence.</summary>
internal sealed class LogWriter(Connector connector, LogStream stream, LogReplica replica, SpaceReserve reserve, SlowRequests slow)
{
    private const int PartBytesUnderWay = 4 << 20;
    private const int WriteTries = 6;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan TakeOverPatience = TimeSpan.FromSeconds(3);

    private LogState State => replica.State;

    /// <summary>See <see cref="IRevisionStore.TakeOver"/>.</summary>
    public async Task<Fence?> TakeOver(Fence seen, FenceContent claim, CancellationToken cancellationToken)
    {
        using var turn = await replica.TakeTurn(cancellationToken).ConfigureAwait(false);
        // Loaded before it claims: a holder that is still loading could not renew.
        await replica.CatchUp(cancellationToken).ConfigureAwait(false);
        var started = Environment.TickCount64;
        while (seen.Epoch == State.Tail.Epoch && seen.Counter == (long)State.Tail.Sequence)
        {
            if (await Claim(seen.Epoch + 1, claim).ConfigureAwait(false))
                break;

            // Repeating is safe: both messages want the same place, so that one of them lands at most.
            if (Environment.TickCount64 - started > TakeOverPatience.TotalMilliseconds)
                throw new StoreUnavailableException("NATS did not answer whether the log was taken over");

            await replica.CatchUp(cancellationToken).ConfigureAwait(false);
        }
        if (State.Tail.Epoch != seen.Epoch + 1 || State.Fence.Holder != claim.Holder)
            return null;

        replica.Held = new FenceToken(State.Tail.Epoch, claim.Holder);
        return State.ToFence();
    }

    /// <summary>See <see cref="IRevisionStore.Renew"/>.</summary>
    public Task Renew(FenceToken token) => Write(token, () => Publish(MessageKind.Renewal, null));

    /// <summary>See <see cref="IRevisionStore.Release"/>.</summary>
    public Task Release(FenceToken token) => Write(
        token,
        async () =>
        {
            var content = new ByteWriter();
            new FenceContent(Guid.Empty, "", State.Fence.LeaseTime).WriteTo(content);
            await Publish(MessageKind.Fence, content).ConfigureAwait(false);
            replica.Held = null;
        });

    /// <summary>See <see cref="IRevisionStore.Append"/>.</summary>
    public async Task Append(AppendBatch batch)
    {
        var started = Environment.TickCount64;
        await Write(
            batch.Token,
            () => batch.ExpectedRevision == State.Tail.LastRevision
                ? AppendParts(batch)
                : throw new FencedException($"an append after revision {batch.ExpectedRevision} was refused: the log ends at {State.Tail.LastRevision}"),
            makesRoom: batch.Records.Count == 0).ConfigureAwait(false);
        slow.Report("append", started);
    }

    private async Task<bool> Claim(long epoch, FenceContent claim)
    {
        var content = new ByteWriter();
        claim.WriteTo(content);
        try
        {
            await Publish(State.Tail with { Kind = MessageKind.Fence, Part = 0, Epoch = epoch }, content, default).ConfigureAwait(false);
            return true;
        }
        catch (JetStreamException error) when (error.Code == JetStreamException.WrongLastSequence)
        {
            return false;
        }
        catch (JetStreamException error) when (error.IsFull)
        {
            return await reserve.Release(withLast: true).ConfigureAwait(false) ? false : throw NoSpace(error);
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
    /// the second case the write, which certainly did not happen, is tried again behind it. Where there is no space for it, a part of the reserve is given up.
    /// </summary>
    /// <param name="token">Who writes.</param>
    /// <param name="write">Throws without having changed what counts, or ends.</param>
    /// <param name="makesRoom">Whether it may use all of the reserve. Else the first one refused is, so that the caller can choose what of it makes room.</param>
    public async Task Write(FenceToken token, Func<Task> write, bool makesRoom = true)
    {
        using var turn = await replica.TakeTurn().ConfigureAwait(false);
        try
        {
            for (var tries = 1; ; tries++)
            {
                if (replica.IsBehind)
                    await replica.CatchUp(CancellationToken.None).ConfigureAwait(false);

                if (!replica.IsHolder(token))
                    throw new FencedException($"epoch {token.Epoch} was refused: the fence is now {State.ToFence()}");

                try
                {
                    await write().ConfigureAwait(false);
                    return;
                }
                catch (JetStreamException error) when (error.Code == JetStreamException.WrongLastSequence && tries < WriteTries)
                {
                    replica.IsBehind = true;
                }
                catch (JetStreamException error) when (error.IsFull)
                {
                    // What was appended to a full store makes room, too; where that is not known yet, the caller has to choose.
                    var chosen = makesRoom || reserve.IsFull;
                    var released = await reserve.Release(withLast: makesRoom).ConfigureAwait(false);
                    if (!released || !chosen || tries >= WriteTries)
                        throw NoSpace(error);
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
    }

    /// <summary>Looks at the state in its turn, while the fence holds.</summary>
    public async Task<T> Look<T>(FenceToken token, Func<T> look)
    {
        var seen = default(T)!;
        await Write(
            token,
            () =>
            {
                seen = look();
                return Task.CompletedTask;
            }).ConfigureAwait(false);
        return seen;
    }

    private static StoreFullException NoSpace(JetStreamException error) => new($"NATS has no space for a message of the log: {error.Message}", error);

    private async Task AppendParts(AppendBatch batch)
    {
        var connection = await connector.Get(CancellationToken.None).ConfigureAwait(false);
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
        await Publish(
            State.Tail with { Kind = MessageKind.Append, Part = parts.Count - 1, LastRevision = batch.LastRevision }, last.Content, last.Payload).ConfigureAwait(false);
    }

    private async Task SendParts(Connection connection, List<AppendPart> parts)
    {
        var before = State.Tail.Sequence;
        for (var next = 0; next < parts.Count - 1;)
        {
            var wave = new List<(LogTail Tail, ByteWriter? Content, ReadOnlyMemory<byte> Payload)>();
            long bytes = 0;
            for (; next < parts.Count - 1 && bytes < PartBytesUnderWay; next++)
            {
                wave.Add((State.Tail with { Kind = MessageKind.Part, Part = next, Sequence = before + (ulong)next + 1 }, parts[next].Content, parts[next].Payload));
                bytes += parts[next].Content.Length + parts[next].Payload.Length;
            }
            try
            {
                await stream.Publish(connection, wave).ConfigureAwait(false);
            }
            catch
            {
                replica.IsBehind = true;
                throw;
            }
            foreach ((var tail, var content, _) in wave)
                State.Apply(tail, content!.Written.Span);
        }
    }

    /// <summary>Publishes the next message of the log and applies it; within <see cref="Write"/> only.</summary>
    public Task Publish(MessageKind kind, ByteWriter? content, ReadOnlyMemory<byte> payload = default) =>
        Publish(State.Tail with { Kind = kind, Part = 0 }, content, payload);

    private async Task Publish(LogTail tail, ByteWriter? content, ReadOnlyMemory<byte> payload)
    {
        var sequence = State.Tail.Sequence + 1;
        tail = tail with
        {
            Sequence = sequence,
            Fence = tail.Kind == MessageKind.Fence ? sequence : tail.Fence,
            Checkpoint = tail.Kind == MessageKind.Checkpoint ? sequence : tail.Checkpoint,
        };
        try
        {
            var connection = await connector.Get(CancellationToken.None).ConfigureAwait(false);
            await stream.Publish(connection, [(tail, content, payload)]).ConfigureAwait(false);
        }
        catch
        {
            replica.IsBehind = true;
            throw;
        }
        State.Apply(tail, content is null ? default : content.Written.Span);
    }
}
