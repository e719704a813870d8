using System.Buffers;
using NATS.Client.Core;
using NATS.Client.JetStream;
using NATS.Client.JetStream.Models;

namespace Kine.Backends.Nats;

/// <summary>
/// The document of the processes on a log: one key of a key-value bucket beside it. It is read from the leader of the bucket's stream. A direct get may be answered
/// by a follower that lags, and whoever has just written would miss it. A replacement names the last sequence of the whole bucket, not of the key: with replicas,
/// servers check a key's before they agree on the order (of 16 writers that saw one version, 2.9.10 told ten that they had won). A bucket that somebody deleted is
/// made anew, and is empty then.
/// </summary>
internal sealed class SiloBucket(NatsOptions options, Connector connector, SpaceReserve reserve) : ISharedDocument
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan FullPatience = TimeSpan.FromMilliseconds(250); // the reserve may be about to be given up, or was just tried
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    // Inside a JetStream domain the server maps it; the bare subject does not pass from one domain to another.
    private readonly string _subject = options.ApiPrefix == NatsOptions.PlainApiPrefix ? options.SiloSubject : options.ApiPrefix + options.SiloSubject;

    /// <summary>
    /// Finds the bucket or makes it, and finds out whether this user may use it. Throws <see cref="StoreRefusedException"/> with what to do, and otherwise as
    /// <see cref="LogStream"/>.
    /// </summary>
    public async Task Open(CancellationToken cancellationToken)
    {
        Check((await FindOrCreate(cancellationToken).ConfigureAwait(false)).Config);
        try
        {
            var connection = await connector.Get(cancellationToken).ConfigureAwait(false);
            await Get(connection, cancellationToken).ConfigureAwait(false);
            await Send(connection, default, new NatsHeaders { ["Nats-Expected-Stream"] = options.Stream }, cancellationToken).ConfigureAwait(false);
        }
        catch (ConnectionException error) when (error.Denied)
        {
            throw new StoreRefusedException(
                $"the NATS user may not use the key-value bucket {options.SiloBucket}, in which the kine processes on one log find each other; "
                    + $"allow it to publish to {_subject}, {options.ApiPrefix}STREAM.INFO.{options.SiloStream} and {options.ApiPrefix}STREAM.MSG.GET.{options.SiloStream}",
                error);
        }
        catch (JetStreamException)
        {
            // Any answer tells that it may. What was sent names another stream, and so is refused.
        }
    }

    /// <inheritdoc/>
    public Task<SharedContent> Read(CancellationToken cancellationToken) => connector.Repeat(
        async connection =>
        {
            try
            {
                return await Get(connection, cancellationToken).ConfigureAwait(false);
            }
            catch (JetStreamException gone) when (gone.Code == JetStreamException.StreamNotFound)
            {
                await StreamRequests.FindOrCreate(connection, Wanted(options), cancellationToken).ConfigureAwait(false);
                return new SharedContent([], 0);
            }
        },
        cancellationToken);

    /// <inheritdoc/>
    public async Task<bool> TryReplace(ReadOnlyMemory<byte> content, ulong seenVersion, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var headers = new NatsHeaders { ["Nats-Expected-Last-Sequence"] = $"{seenVersion}" };
        var started = Environment.TickCount64;
        for (var released = false; ; await Task.Delay(Pause, CancellationToken.None).ConfigureAwait(false))
        {
            var waited = TimeSpan.FromMilliseconds(Environment.TickCount64 - started);
            try
            {
                var connection = await connector.Get(cancellationToken).ConfigureAwait(false);
                await Send(connection, content, headers, CancellationToken.None).ConfigureAwait(false);
                return true;
            }
            catch (JetStreamException error) when (error.Code is JetStreamException.WrongLastSequence or JetStreamException.WrongLastSequenceUntold)
            {
                return false;
            }
            catch (JetStreamException error) when (error.Code == JetStreamException.NoResponder && waited < Patience)
            {
                await MakeAnew(cancellationToken).ConfigureAwait(false);
            }
            catch (JetStreamException error) when (error.IsFull && waited < Patience)
            {
                // Who dies and who joins has to be known, most of all where space has run out.
                if (!released && waited >= FullPatience)
                    released = await reserve.Release(withLast: true).ConfigureAwait(false);
            }
            catch (JetStreamException error)
            {
                throw error.IsFull
                    ? new StoreFullException($"NATS has no space for the table of the processes: {error.Message}", error)
                    : new StoreUnavailableException($"NATS refused the table of the processes: {error.Message}", error);
            }
            catch (ConnectionException error) when (error.MaybeSent)
            {
                throw new OutcomeUnknownException(error.Message, error);
            }
            catch (ConnectionException error) when (error.Refused || waited >= Patience)
            {
                throw new StoreUnavailableException(error.Message, error);
            }
            catch (ConnectionException)
            {
                // It was lost before anything was sent.
            }
        }
    }

    /// <summary>The configuration to create it with: a bucket as any client of NATS makes it, with a history of one.</summary>
    public static StreamConfig Wanted(NatsOptions options) => new(options.SiloStream, [options.SiloSubjects])
    {
        Description = $"The kine processes on the log {options.Stream}: who they are, and where.",
        Retention = StreamConfigRetention.Limits,
        Discard = StreamConfigDiscard.New,
        Storage = StreamConfigStorage.File,
        NumReplicas = options.Replicas,
        MaxConsumers = -1,
        MaxMsgs = -1,
        MaxBytes = -1,
        MaxMsgsPerSubject = 1,
        AllowRollupHdrs = true,
        DenyDelete = true,
        AllowDirect = true,
    };

    private async Task<StreamInfo> FindOrCreate(CancellationToken cancellationToken)
    {
        var connection = await connector.Get(cancellationToken).ConfigureAwait(false);
        try
        {
            return await StreamRequests.FindOrCreate(connection, Wanted(options), cancellationToken).ConfigureAwait(false);
        }
        catch (ConnectionException error) when (error.Denied)
        {
            throw new StoreRefusedException(
                $"the NATS user may not make the key-value bucket {options.SiloBucket}, in which the kine processes on one log find each other; make it "
                    + $"(nats kv add {options.SiloBucket} --history=1 --storage=file --replicas={options.Replicas}) or allow the user to publish to "
                    + $"{options.ApiPrefix}STREAM.INFO.{options.SiloStream} and {options.ApiPrefix}STREAM.CREATE.{options.SiloStream}",
                error);
        }
    }

    private async Task MakeAnew(CancellationToken cancellationToken)
    {
        try
        {
            var connection = await connector.Get(cancellationToken).ConfigureAwait(false);
            await StreamRequests.FindOrCreate(connection, Wanted(options), cancellationToken).ConfigureAwait(false);
        }
        catch (ConnectionException error)
        {
            throw new StoreUnavailableException(error.Message, error);
        }
        catch (JetStreamException)
        {
            // It has no leader now; the next try tells.
        }
    }

    // The version is the bucket's last sequence, which others may move with keys of their own: what was the key's message before and after it was so then, too.
    private async Task<SharedContent> Get(Connection connection, CancellationToken cancellationToken)
    {
        for (var message = await GetMessage(connection, cancellationToken).ConfigureAwait(false); ;)
        {
            var stream = await connection.Ask((api, stop) => api.GetStreamAsync(options.SiloStream, cancellationToken: stop), cancellationToken).ConfigureAwait(false);
            var version = stream.Info.State.LastSeq;
            var before = message;
            if ((before?.Seq ?? 0) != version)
                message = await GetMessage(connection, cancellationToken).ConfigureAwait(false);

            if (message?.Seq == before?.Seq)
                return new SharedContent(message?.Data.ToArray() ?? [], version);
        }
    }

    private Task<StoredMessage?> GetMessage(Connection connection, CancellationToken cancellationToken) => StreamRequests.GetFromLeader(
        connection, options, options.SiloStream, new StreamMsgGetRequest { LastBySubj = options.SiloSubject }, cancellationToken);

    private async Task Send(Connection connection, ReadOnlyMemory<byte> content, NatsHeaders headers, CancellationToken cancellationToken)
    {
        PubAckResponse? answer = null;
        await connection.RequestAll(
            [new OutgoingMessage(_subject, content, headers)],
            (int _, in ArrivedMessage arrived) => answer = arrived.Data.IsEmpty
                ? null
                : NatsJSJsonSerializer<PubAckResponse>.Default.Deserialize(new ReadOnlySequence<byte>(arrived.Data.ToArray())),
            cancellationToken).ConfigureAwait(false);
        if (answer is null)
            throw JetStreamException.NoResponders();

        if (answer.Error is { } error)
            throw new JetStreamException(error);
    }

    private void Check(StreamConfig configuration)
    {
        Require(configuration.Retention == StreamConfigRetention.Limits, $"retention is {configuration.Retention}, but must be limits");
        Require(configuration.Storage == StreamConfigStorage.File, $"storage is {configuration.Storage}, but must be file");
        Require(configuration.MaxAge <= TimeSpan.Zero, $"its entries end after {configuration.MaxAge}, but must stay");
        Require(configuration is { MaxMsgs: <= 0, MaxBytes: <= 0, MaxMsgSize: <= 0 }, "it has a limit of messages or bytes, but must have none");
        Require(configuration is { NoAck: false, Sealed: false }, "it is sealed or confirms nothing");
        Require(configuration.Mirror is null && configuration.Sources is null or { Count: 0 }, "it is a mirror, or has sources");
        Require(configuration.Subjects?.Contains(options.SiloSubjects) == true, $"{options.SiloSubjects} is not one of its subjects");
    }

    private void Require(bool holds, string reason)
    {
        if (!holds)
            throw new StoreRefusedException($"the NATS stream {options.SiloStream} cannot hold the table of the processes: {reason}");
    }
}
