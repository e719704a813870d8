using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Kine.Backends.Nats;

// Messages of a consumer keep the subject they were stored with, so that each stream of them needs a subscription that tells them apart. Subscriptions are
// used again and destroyed only once the connection's reading thread has ended: libnats 3.4 touches one that it is handing a message to without holding it.
internal sealed partial class NatsLink
{
    private static readonly ConcurrentDictionary<nint, Inbox> Inboxes = new();
    private readonly ConcurrentBag<Inbox> _idle = [];
    private readonly List<(nint Id, nint Subscription)> _streams = [];

    /// <summary>A subscription for one stream of messages; null tells the end of the connection. Throws <see cref="NatsLinkException"/>.</summary>
    public Inbox Listen(Action<NatsReply?> received)
    {
        if (!_idle.TryTake(out var inbox))
        {
            inbox = Subscribe();
        }

        inbox.Open(received);
        return inbox;
    }

    private unsafe Inbox Subscribe()
    {
        var id = (nint)Interlocked.Increment(ref _lastId);
        var inbox = new Inbox(this, $"{_inbox}stream.{id}");
        Inboxes[id] = inbox;
        lock (_sending)
        {
            nint subscription = 0;
            var status = _connection == 0 || !IsAlive
                ? NativeNats.ConnectionClosed
                : NativeNats.natsConnection_Subscribe(out subscription, _connection, inbox.Subject, &ReceivedStream, id);
            if (status != NativeNats.Ok)
            {
                Inboxes.TryRemove(id, out _);
                throw new NatsLinkException($"subscribing to NATS failed: {NativeNats.Text(status)}", sent: false);
            }
            _streams.Add((id, subscription));
        }
        return inbox;
    }

    // The connection is closed, its reading thread gone.
    private void DestroyStreams()
    {
        foreach ((var id, var subscription) in _streams)
        {
            NativeNats.natsSubscription_Destroy(subscription);
            Inboxes.TryRemove(id, out _);
        }
        _streams.Clear();
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void ReceivedStream(nint connection, nint subscription, nint message, nint closure)
    {
        try
        {
            if (Inboxes.TryGetValue(closure, out var inbox))
            {
                inbox.Receive(new ArrivedMessage(message).Copy());
            }
        }
        finally
        {
            NativeNats.natsMsg_Destroy(message);
        }
    }

    /// <summary>Where a stream of messages arrives until it is disposed of.</summary>
    internal sealed class Inbox(NatsLink link, string subject) : IDisposable
    {
        private readonly Lock _lock = new();
        private Action<NatsReply?>? _received;
        private long _token;
        private int _toCome;

        public string Subject => subject;

        /// <summary>True when nothing that was asked for is still to come.</summary>
        public bool IsDrained
        {
            get
            {
                lock (_lock)
                {
                    return _toCome == 0;
                }
            }
        }

        /// <summary>Sends a request whose answers come here: that many messages, or fewer and a status.</summary>
        public void Send(OutgoingMessage message, int messages)
        {
            lock (_lock)
            {
                _toCome += messages;
            }

            link.Send(message, subject);
        }

        public void Open(Action<NatsReply?> received)
        {
            lock (_lock)
            {
                _received = received;
            }

            _token = link.Expect(_ => received(null)); // only the end of the connection comes this way
        }

        public void Receive(NatsReply reply)
        {
            Action<NatsReply?>? received;
            lock (_lock)
            {
                received = _received;
                var last = _toCome > 0 && (reply.Tail.Length == 0 || _toCome == 1);
                _toCome = reply.Tail.Length == 0 ? 0 : Math.Max(_toCome - 1, 0);
                if (last && received is null)
                {
                    link._idle.Add(this);
                }
            }
            received?.Invoke(reply);
        }

        public void Dispose()
        {
            link.Forget(_token);
            lock (_lock)
            {
                _received = null;

                // What still comes must not be taken for the next one's.
                if (_toCome == 0)
                {
                    link._idle.Add(this);
                }
            }
        }
    }
}
