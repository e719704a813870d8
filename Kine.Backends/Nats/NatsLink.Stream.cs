using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Kine.Backends.Nats;

// Messages of a consumer keep the subject they were stored with, so that each stream of them needs a subscription that tells them apart.
internal sealed partial class NatsLink
{
    private static readonly ConcurrentDictionary<nint, Action<NatsReply?>> Streams = new();

    /// <summary>A subscription of its own; null tells the end of the connection. Throws <see cref="NatsLinkException"/>.</summary>
    public unsafe Inbox Listen(Action<NatsReply?> received)
    {
        var id = (nint)Interlocked.Increment(ref _lastId);
        Streams[id] = received;
        nint subscription = 0;
        string subject = $"{_inbox}stream.{id}";
        lock (_sending)
        {
            int status = _connection == 0 || !IsAlive
                ? NativeNats.ConnectionClosed
                : NativeNats.natsConnection_Subscribe(out subscription, _connection, subject, &ReceivedStream, id);
            if (status != NativeNats.Ok)
            {
                Streams.TryRemove(id, out _);
                throw new NatsLinkException($"subscribing to NATS failed: {NativeNats.Text(status)}", sent: false);
            }
        }
        return new Inbox(this, Expect(received), id, subscription, subject);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void ReceivedStream(nint connection, nint subscription, nint message, nint closure)
    {
        try
        {
            if (Streams.TryGetValue(closure, out Action<NatsReply?>? received))
                received(Copy(message));
        }
        finally
        {
            NativeNats.natsMsg_Destroy(message);
        }
    }

    /// <summary>Where a stream of messages arrives until it is disposed of.</summary>
    internal sealed class Inbox(NatsLink link, long token, nint id, nint subscription, string subject) : IDisposable
    {
        /// <summary>Sends a request whose answers come here.</summary>
        public void Send(OutgoingMessage message) => link.Send(message, subject);

        public void Dispose()
        {
            Streams.TryRemove(id, out _);
            link.Forget(token);
            NativeNats.natsSubscription_Destroy(subscription);
        }
    }
}
