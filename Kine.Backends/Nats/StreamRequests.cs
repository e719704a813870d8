using NATS.Client.JetStream.Models;

namespace Kine.Backends.Nats;

/// <summary>What is asked of more than one stream. Errors: as <see cref="LogStream"/>.</summary>
internal static class StreamRequests
{
    private const int CreateAttempts = 50;
    private static readonly TimeSpan CreatePause = TimeSpan.FromMilliseconds(40);

    /// <summary>Finds the stream or makes it. Another process may be making the same one: until that is done, it is neither found nor can it be made.</summary>
    public static async Task<StreamInfo> FindOrCreate(Connection connection, StreamConfig wanted, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return (await connection.Ask((api, stop) => api.GetStreamAsync(wanted.Name!, cancellationToken: stop), cancellationToken).ConfigureAwait(false)).Info;
            }
            catch (JetStreamException missing) when (missing.Code == JetStreamException.StreamNotFound)
            {
                try
                {
                    return (await connection.Ask((api, stop) => api.CreateStreamAsync(wanted, stop), cancellationToken).ConfigureAwait(false)).Info;
                }
                catch (JetStreamException raced) when (attempt < CreateAttempts
                    && raced.Code is JetStreamException.StreamNameInUse or JetStreamException.SubjectOverlap)
                {
                    await Task.Delay(CreatePause, cancellationToken).ConfigureAwait(false);
                }
            }
        }
    }

    /// <summary>A message as the stream's leader has it, or null. A direct get may be answered by a follower, which need not have the newest one yet.</summary>
    public static async Task<StoredMessage?> GetFromLeader(
        Connection connection, NatsOptions options, string stream, StreamMsgGetRequest request, CancellationToken cancellationToken)
    {
        try
        {
            var answer = await connection.Ask((api, stop) => api.JSRequestResponseAsync<StreamMsgGetRequest, StreamMsgGetResponse>(
                $"{options.ApiPrefix}STREAM.MSG.GET.{stream}", request, stop), cancellationToken).ConfigureAwait(false);
            return answer.Message;
        }
        catch (JetStreamException gone) when (gone.Code == JetStreamException.NoMessageFound)
        {
            return null;
        }
    }
}
