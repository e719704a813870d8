using Microsoft.Extensions.Logging;
using NATS.Client.JetStream.Models;

namespace Kine.Backends.Nats;

/// <summary>
/// The stream and what its messages amount to here. <c>_turn</c> is held by whoever writes to the stream or catches up with it; <c>_maintenance</c> is
/// taken before it by whoever deletes, moves or makes checkpoints, which let appends in between their messages.
/// </summary>
internal sealed partial class NatsLog(NatsOptions options, ILogger log) : IDisposable
{
    private const int CatchUpTries = 8;
    private const int CacheBytes = 32 << 20;
    private readonly Connector _writing = new(options);
    private readonly Connector _reading = new(options);
    private readonly Connector _bulk = new(options);
    private readonly LogStream _stream = new(options);
    private readonly HeaderReader _headers = new(options, new LogStream(options));
    private readonly MessageCache _cache = new(CacheBytes);
    private readonly SemaphoreSlim _turn = new(1);
    private readonly SemaphoreSlim _maintenance = new(1);
    private volatile LogState _state = new();
    private volatile bool _behind = true;
    private FenceToken? _held;
    private LogTail _seen = LogTail.Empty;
    private (ulong Sequence, FenceContent Content) _seenFence = (0, FenceContent.None);

    /// <summary>What <see cref="IRevisionStore.ReadSide"/> asks for; current after <see cref="Refresh"/>.</summary>
    public List<SideRow> Side() => _state.Side.All();

    // The holder applies every message itself; nobody else's counts.
    private bool IsCurrent => !_behind && _held is { } held && Holds(held);

    private bool Holds(FenceToken token) => token.Epoch == _state.Tail.Epoch && token.Holder == _state.Fence.Holder;

    /// <summary>See <see cref="IRevisionStore.ReadFence"/>: two small requests, one when nothing has changed.</summary>
    public Task<Fence> ReadFence(CancellationToken cancellationToken) => Reading(
        async connection =>
        {
            (var tail, var fence) = await ReadTail(connection).ConfigureAwait(false);
            return new Fence(tail.Epoch, fence.Holder, fence.Address, fence.LeaseTime, (long)tail.Sequence, tail.LastRevision);
        },
        cancellationToken);

    /// <summary>Catches up with the stream unless this process is the one that writes it.</summary>
    public async Task Refresh(CancellationToken cancellationToken)
    {
        if (IsCurrent)
        {
            return;
        }

        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (!IsCurrent)
            {
                await CatchUp(cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Bytes of the stream and of what lives in it.</summary>
    public async Task<StoreSize> Size(CancellationToken cancellationToken)
    {
        var state = await Reading(_stream.State, cancellationToken).ConfigureAwait(false);
        return IsCurrent
            ? new StoreSize(Math.Max(state.Bytes, _state.Index.LiveBytes), _state.Index.LiveBytes)
            : new StoreSize(state.Bytes, state.Bytes);
    }

    public void Dispose()
    {
        _writing.Dispose();
        _reading.Dispose();
        _bulk.Dispose();
    }

    // Repeats what may be repeated; the server's no is "unavailable" too, as it passes (no leader, restarting) or is an operator's to mend.
    private Task<T> Reading<T>(Func<Connection, Task<T>> request, CancellationToken cancellationToken) => Reading(_reading, request, cancellationToken);

    private async Task<T> Reading<T>(Connector links, Func<Connection, Task<T>> request, CancellationToken cancellationToken)
    {
        var started = Environment.TickCount64;
        try
        {
            return await links.Repeat(
                async connection =>
                {
                    try
                    {
                        return await request(connection).ConfigureAwait(false);
                    }
                    catch (JetStreamException error) when (error.Code == JetStreamException.NoResponder)
                    {
                        throw new ConnectionException(error.Message, sent: false, error);
                    }
                },
                cancellationToken).ConfigureAwait(false);
        }
        catch (JetStreamException error)
        {
            throw new StoreUnavailableException(error.Message, error);
        }
        finally
        {
            ReportSlow("read", started);
        }
    }

    private void ReportSlow(string what, long started)
    {
        var milliseconds = Environment.TickCount64 - started;
        if (options.SlowMethod > TimeSpan.Zero && milliseconds > options.SlowMethod.TotalMilliseconds)
        {
            log.LogInformation("Slow NATS {What}: {Milliseconds} ms", what, milliseconds);
        }
    }

    private async Task<(LogTail Tail, FenceContent Fence)> ReadTail(Connection connection)
    {
        for (var tries = 0; ; tries++)
        {
            var state = await _stream.State(connection).ConfigureAwait(false);
            var seen = _seen;
            if (seen.Sequence != state.LastSeq)
            {
                seen = await ReadLast(connection, state).ConfigureAwait(false);
            }

            var fence = await FenceAt(connection, seen.Fence).ConfigureAwait(false);
            if (fence is not null)
            {
                _seen = seen;
                return (seen, fence);
            }
            if (tries == CatchUpTries)
            {
                throw new StoreBrokenException($"message {seen.Fence} of the log, which names its holder, is gone");
            }
        }
    }

    // The last message's tail; it may be deleted or be followed by deleted ones, never by ones that count.
    private async Task<LogTail> ReadLast(Connection connection, StreamState state)
    {
        if (state.LastSeq == 0 || state.Messages == 0)
        {
            return LogTail.Empty with { Sequence = state.LastSeq };
        }

        var last = await _stream.Get(connection, state.LastSeq).ConfigureAwait(false) ?? await _stream.GetLast(connection).ConfigureAwait(false);
        if (last is null)
        {
            return LogTail.Empty with { Sequence = state.LastSeq };
        }

        var tail = last.Tail;
        for (var sequence = tail.Sequence - 1; tail.Kind == MessageKind.Part && sequence >= state.FirstSeq; sequence--)
        {
            // A part may be of a writer that did not know it was replaced: only what came before all parts tells.
            if (await _stream.Get(connection, sequence).ConfigureAwait(false) is { } before)
            {
                tail = before.Tail;
            }
        }
        return tail with { Sequence = state.LastSeq };
    }

    private async Task<FenceContent?> FenceAt(Connection connection, ulong sequence)
    {
        if (sequence == 0)
        {
            return FenceContent.None;
        }

        if (_seenFence is var known && known.Sequence == sequence)
        {
            return known.Content;
        }

        var reply = await _stream.Get(connection, sequence).ConfigureAwait(false);
        if (reply is null)
        {
            return null;
        }

        var content = FenceContent.Read(reply.Content);
        _seenFence = (sequence, content);
        return content;
    }
}
