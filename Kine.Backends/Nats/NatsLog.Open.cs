using NATS.Client.JetStream.Models;

namespace Kine.Backends.Nats;

// Finds the stream or makes it.
internal sealed partial class NatsLog
{
    private const int CreateAttempts = 50;
    private static readonly TimeSpan CreatePause = TimeSpan.FromMilliseconds(40);

    /// <summary>See <see cref="IRevisionStore.Open"/>. Adds what people should know of the set-up to <paramref name="warnings"/>.</summary>
    public async Task Open(List<string> warnings, CancellationToken cancellationToken)
    {
        try
        {
            var connection = await _reading.Get().ConfigureAwait(false);
            if (connection.MaxPayload < AppendPart.SmallestMessage)
            {
                throw new StoreRefusedException($"the NATS server takes messages of at most {connection.MaxPayload} bytes (max_payload); at least {AppendPart.SmallestMessage} are needed");
            }

            await CheckJetStream(connection).ConfigureAwait(false);
            cancellationToken.ThrowIfCancellationRequested();
            var configuration = (await FindOrCreate(connection).ConfigureAwait(false)).Config;
            StreamSetup.Check(options, configuration);
            Warn(configuration, warnings);
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

    private async Task CheckJetStream(Connection connection)
    {
        try
        {
            await _stream.AccountInfo(connection).ConfigureAwait(false);
        }
        catch (JetStreamException error) when (error.Code is JetStreamException.NoResponder or JetStreamException.NotEnabled or JetStreamException.NotEnabledForAccount)
        {
            throw new StoreRefusedException(
                $"the NATS server at {string.Join(',', options.Servers)} has no JetStream for this account; start nats-server with -js or a jetstream block in its configuration", error);
        }
    }

    // Another process may be making the same stream: until that is done, it is neither found nor can it be made.
    private async Task<StreamInfo> FindOrCreate(Connection connection)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await _stream.Info(connection).ConfigureAwait(false);
            }
            catch (JetStreamException missing) when (missing.Code == JetStreamException.StreamNotFound)
            {
                try
                {
                    return await _stream.Create(connection, StreamSetup.Wanted(options)).ConfigureAwait(false);
                }
                catch (JetStreamException raced) when (attempt < CreateAttempts
                    && raced.Code is JetStreamException.StreamNameInUse or JetStreamException.SubjectOverlap)
                {
                    await Task.Delay(CreatePause).ConfigureAwait(false);
                }
            }
        }
    }

    private void Warn(StreamConfig configuration, List<string> warnings)
    {
        warnings.Add("NATS confirms a write before it is on disk: an acknowledged write survives loss of power only where nats-server, 2.10 or newer, runs with sync_interval: always in its jetstream block");
        var replicas = configuration.NumReplicas;
        if (replicas != options.Replicas)
        {
            warnings.Add($"the NATS stream {options.Stream} has {replicas} replicas, not {options.Replicas}: the parameter counts only when the stream is made");
        }
    }
}
