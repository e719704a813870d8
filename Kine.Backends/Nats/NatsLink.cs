using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Kine.Backends.Nats;

/// <summary>
/// One connection with its requests under way. It never reconnects: what it had not sent when it broke must not be sent later, so a broken one is
/// dropped with everything on it and <see cref="NatsLinks"/> makes a new one.
/// </summary>
internal sealed partial class NatsLink : IDisposable
{
    private const int PendingMessages = 1 << 20;
    private const int PendingBytes = 256 << 20; // the library drops what comes above it
    private const int LargeBuffer = 256 << 10;
    private const long PingMilliseconds = 20_000;
    private static readonly ConcurrentDictionary<nint, NatsLink> Links = new();
    private static long _lastId;
    private readonly ConcurrentDictionary<long, AnswerReceiver> _waiting = new();
    private readonly nint _id = (nint)Interlocked.Increment(ref _lastId);
    private readonly Lock _sending = new();
    private readonly string _inbox;
    private nint _connection;
    private nint _subscription;
    private long _lastToken;
    private volatile string? _broken;

    private NatsLink(NatsOptions options) =>
        _inbox = $"{options.InboxPrefix ?? "_INBOX"}.{Guid.NewGuid():N}.";

    /// <summary>Largest message the server takes, headers included.</summary>
    public int MaxPayload { get; private set; }

    /// <summary>True when what is sent goes out together with what follows within a millisecond.</summary>
    private bool Buffered { get; init; }

    /// <summary>False once the connection was lost or closed.</summary>
    public bool IsAlive => _broken is null;

    /// <summary>Connects to one of the servers; blocks for up to the options' timeout each. Throws <see cref="NatsLinkException"/>.</summary>
    /// <param name="options">Where and as whom.</param>
    /// <param name="buffered">True for a connection that sends many small requests together and gets much in answer, up to a millisecond later.</param>
    public static NatsLink Connect(NatsOptions options, bool buffered = false)
    {
        var link = new NatsLink(options) { Buffered = buffered };
        Links[link._id] = link;
        try
        {
            link.Open(options);
            return link;
        }
        catch
        {
            link.Dispose();
            throw;
        }
    }

    /// <summary>Sends a request and waits for its one answer. Throws <see cref="NatsLinkException"/>; a timeout closes the connection.</summary>
    public async Task<NatsReply> Request(OutgoingMessage message, TimeSpan timeout)
    {
        var answered = new TaskCompletionSource<NatsReply>(TaskCreationOptions.RunContinuationsAsynchronously);
        var token = Expect(answer =>
        {
            if (answer.IsLost)
            {
                answered.TrySetException(Lost());
            }
            else
            {
                answered.TrySetResult(answer.Copy());
            }
        });
        try
        {
            Send(message, token);
            return await answered.Task.WaitAsync(timeout).ConfigureAwait(false);
        }
        catch (TimeoutException error)
        {
            var reason = LastError() is { Length: > 0 } said ? $" ({said})" : "";
            Break($"no answer within {timeout.TotalSeconds:0.#} s");
            throw new NatsLinkException($"NATS did not answer on {message.Subject} within {timeout.TotalSeconds:0.#} s{reason}", sent: true, error);
        }
        finally
        {
            Forget(token);
        }
    }

    /// <summary>Registers who gets what comes in answer to what is sent with the token returned.</summary>
    public long Expect(AnswerReceiver received)
    {
        var token = Interlocked.Increment(ref _lastToken);
        _waiting[token] = received;
        if (!IsAlive && _waiting.TryRemove(token, out _))
        {
            received(default);
        }

        return token;
    }

    /// <summary>No more messages for that token.</summary>
    public void Forget(long token) => _waiting.TryRemove(token, out _);

    /// <summary>Sends; the answers go to the token's receiver. Throws <see cref="NatsLinkException"/>.</summary>
    public void Send(OutgoingMessage message, long token) => Send(message, _inbox + token);

    private void Send(OutgoingMessage message, string reply)
    {
        // The handle must not be destroyed under a call.
        lock (_sending)
        {
            if (_connection == 0 || !IsAlive)
            {
                throw new NatsLinkException($"the connection to NATS is gone: {_broken}", sent: false);
            }

            var native = message.Create(reply);
            try
            {
                var status = NativeNats.natsConnection_PublishMsg(_connection, native);
                if (status == NativeNats.Ok)
                {
                    return;
                }

                var sent = status is not NativeNats.ConnectionClosed and not NativeNats.MaxPayload;
                var text = NativeNats.LastError(status);
                if (status != NativeNats.MaxPayload)
                {
                    Break(text);
                }

                throw new NatsLinkException($"sending to NATS failed: {text}", sent);
            }
            finally
            {
                NativeNats.natsMsg_Destroy(native);
            }
        }
    }

    /// <summary>Closes the connection; whoever waits is told.</summary>
    public void Dispose()
    {
        Break("closed");
        nint connection;
        nint subscription;
        lock (_sending)
        {
            (connection, _connection) = (_connection, 0);
            (subscription, _subscription) = (_subscription, 0);
        }
        Links.TryRemove(_id, out _);
        if (connection == 0)
        {
            return;
        }

        NativeNats.natsConnection_Close(connection);
        DestroyStreams();
        if (subscription != 0)
        {
            NativeNats.natsSubscription_Destroy(subscription);
        }

        NativeNats.natsConnection_Destroy(connection);
    }

    private void Break(string reason)
    {
        if (Interlocked.CompareExchange(ref _broken, reason, null) is not null)
        {
            return;
        }

        foreach (var token in _waiting.Keys)
        {
            if (_waiting.TryRemove(token, out var received))
            {
                received(default);
            }
        }
    }

    private string? LastError()
    {
        lock (_sending)
        {
            if (_connection == 0)
            {
                return null;
            }

            NativeNats.natsConnection_GetLastError(_connection, out var text);
            return Marshal.PtrToStringUTF8(text);
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Received(nint connection, nint subscription, nint message, nint closure)
    {
        try
        {
            if (Links.TryGetValue(closure, out var link))
            {
                link.Dispatch(message);
            }
        }
        finally
        {
            NativeNats.natsMsg_Destroy(message);
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Closed(nint connection, nint closure)
    {
        if (Links.TryGetValue(closure, out var link))
        {
            link.Break("closed by the server or the network");
        }
    }

    // A full queue means answers were dropped: nothing on this connection can be waited for any more. A refused subject is named when its request times out.
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Failed(nint connection, nint subscription, int status, nint closure)
    {
        if (status == NativeNats.SlowConsumer && Links.TryGetValue(closure, out var link))
        {
            link.Break("answers came faster than they were read");
        }
    }

    private unsafe void Dispatch(nint message)
    {
        var subject = MemoryMarshal.CreateReadOnlySpanFromNullTerminated((byte*)NativeNats.natsMsg_GetSubject(message));
        var dot = subject.LastIndexOf((byte)'.');
        if (!Utf8Parser.TryParse(subject[(dot + 1)..], out long token, out _) || !_waiting.TryGetValue(token, out var received))
        {
            return;
        }

        received(new ArrivedMessage(message));
    }

    private NatsLinkException Lost() => new($"the connection to NATS was lost: {_broken}", sent: true);
}
