using NATS.Client.JetStream.Models;

namespace Kine.Backends.Nats;

/// <summary>
/// How the stream has to be set up: nothing may ever leave it that this program did not delete, nothing may be refused but for lack of space, nothing
/// may come in but through the one subject.
/// </summary>
internal sealed class StreamSetup(NatsOptions options, Connector connector, LogStream stream, SiloBucket silos)
{
    /// <summary>Finds the stream or makes it; returns what people should know of its set-up. See <see cref="IRevisionStore.Open"/>.</summary>
    public async Task<List<string>> Run(CancellationToken cancellationToken)
    {
        try
        {
            var connection = await connector.Get(cancellationToken).ConfigureAwait(false);
            if (connection.MaxPayload < AppendPart.SmallestMessage)
                throw new StoreRefusedException($"the NATS server takes messages of at most {connection.MaxPayload} bytes (max_payload); at least {AppendPart.SmallestMessage} are needed");

            await CheckJetStream(connection, cancellationToken).ConfigureAwait(false);
            var configuration = (await StreamRequests.FindOrCreate(connection, Wanted(options), cancellationToken).ConfigureAwait(false)).Config;
            Check(options, configuration);
            await silos.Open(cancellationToken).ConfigureAwait(false);
            return Warnings(configuration);
        }
        catch (ConnectionException error) when (error.Refused)
        {
            throw new StoreRefusedException(error.Message, error);
        }
        catch (ConnectionException error)
        {
            throw new StoreUnavailableException(error.Message, error);
        }
        catch (JetStreamException error)
        {
            throw new StoreUnavailableException($"NATS has no stream for the log now: {error.Message}", error);
        }
    }

    private async Task CheckJetStream(Connection connection, CancellationToken cancellationToken)
    {
        try
        {
            await stream.AccountInfo(connection, cancellationToken).ConfigureAwait(false);
        }
        catch (JetStreamException error) when (error.Code is JetStreamException.NoResponder or JetStreamException.NotEnabled or JetStreamException.NotEnabledForAccount)
        {
            throw new StoreRefusedException(
                $"the NATS server at {string.Join(',', options.Servers)} has no JetStream for this account; start nats-server with -js or a jetstream block in its configuration", error);
        }
    }

    private List<string> Warnings(StreamConfig configuration)
    {
        List<string> warnings = ["NATS confirms a write before it is on disk: an acknowledged write survives loss of power only where nats-server, 2.10 or newer, runs with sync_interval: always in its jetstream block"];
        var replicas = configuration.NumReplicas;
        if (replicas != options.Replicas)
            warnings.Add($"the NATS stream {options.Stream} has {replicas} replicas, not {options.Replicas}: the parameter counts only when the stream is made");

        return warnings;
    }

    /// <summary>The configuration to create it with.</summary>
    public static StreamConfig Wanted(NatsOptions options) => new(options.Stream, [options.Subject])
    {
        Description = "The log of kine, an etcd-compatible store. Never edit, purge or publish to it by hand.",
        Retention = StreamConfigRetention.Limits,
        Discard = StreamConfigDiscard.New,
        Storage = StreamConfigStorage.File,
        NumReplicas = options.Replicas,
        MaxConsumers = -1,
        MaxMsgs = -1,
        MaxBytes = -1,
        AllowDirect = true,
    };

    /// <summary>Throws <see cref="StoreRefusedException"/> where the stream is set up so that it could lose or refuse what it must keep.</summary>
    public static void Check(NatsOptions options, StreamConfig configuration)
    {
        Require(options, configuration.AllowDirect, "allow_direct is off, or its server is older than 2.9 and does not know it");
        Require(options, configuration.Retention == StreamConfigRetention.Limits, $"retention is {configuration.Retention}, but must be limits");
        Require(options, configuration.Discard == StreamConfigDiscard.New, $"discard is {configuration.Discard}, but must be new");
        Require(options, configuration.Storage == StreamConfigStorage.File, $"storage is {configuration.Storage}, but must be file");
        RequireNone(options, "max_msgs", configuration.MaxMsgs);
        RequireNone(options, "max_bytes", configuration.MaxBytes);
        RequireNone(options, "max_msgs_per_subject", configuration.MaxMsgsPerSubject);
        RequireNone(options, "max_age", configuration.MaxAge.Ticks);
        RequireNone(options, "max_msg_size", configuration.MaxMsgSize);
        Require(options, !configuration.NoAck, "no_ack is on");
        Require(options, !configuration.Sealed, "sealed is on");
        Require(options, !configuration.DenyDelete, "deny_delete is on");
        Require(options, !configuration.DenyPurge, "deny_purge is on");
        Require(options, !configuration.DiscardNewPerSubject, "discard_new_per_subject is on");
        Require(options, configuration.Mirror is null && configuration.Sources is null or { Count: 0 }, "it is a mirror, or has sources");
        Require(options, configuration.Subjects is { Count: 1 } subjects && subjects.Contains(options.Subject), $"its subjects are not just {options.Subject}");
    }

    private static void RequireNone(NatsOptions options, string limit, long value) =>
        Require(options, value <= 0, $"{limit} is {value}, but a log without limits is needed");

    private static void Require(NatsOptions options, bool holds, string reason)
    {
        if (!holds)
            throw new StoreRefusedException($"the NATS stream {options.Stream} cannot hold the log: {reason}");
    }
}
