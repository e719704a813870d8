using Grpc.Core;
using Kine.Grains;

namespace Kine.Host.Grpc;

/// <summary>
/// Counts the bytes of messages that were announced and are still arriving, over all calls, so that clients which begin messages and never end
/// them cannot fill the memory; nor can they keep the room for long.
/// </summary>
/// <param name="limit">Bytes, all together.</param>
/// <param name="patience">Time in which a message must be here.</param>
/// <param name="time">The clock of that.</param>
internal sealed class PartialMessages(long limit, TimeSpan patience, TimeProvider time)
{
    private long _bytes;

    /// <summary>Takes room for a message.</summary>
    /// <param name="length">Bytes of the message.</param>
    /// <param name="wake">Called when its time is up, on another thread.</param>
    /// <exception cref="RpcException">ResourceExhausted: there is no room.</exception>
    public PartialMessage Enter(int length, Action wake)
    {
        if (Interlocked.Add(ref _bytes, length) <= limit)
            return new PartialMessage(this, length, wake, patience, time);

        Leave(length);
        throw GrpcErrors.Of(EtcdErrors.TooManyRequests);
    }

    /// <summary>Gives the room back.</summary>
    public void Leave(int length) => Interlocked.Add(ref _bytes, -length);
}
