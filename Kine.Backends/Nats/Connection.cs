using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using NATS.Client.Core;
using NATS.Client.JetStream;

namespace Kine.Backends.Nats;

/// <summary>
/// One connection with its requests under way. It never reconnects, as the library would: what it had not sent when it broke must not be sent
/// later. So a broken one is dropped with everything on it, and <see cref="Connector"/> makes a new one.
/// </summary>
internal sealed class Connection
{
    private const int LargestMessage = 64 << 20;
    private readonly NatsOptions _options;
    private readonly NatsConnection _nats;
    private readonly NatsJSContext _jetStream;
    private readonly string _replies;
    private readonly Inbox _inbox;
    private readonly ConcurrentDictionary<long, Requests> _waiting = new();
    private readonly CancellationTokenSource _lost = new();
    private int _dialled;
    private long _lastRequests;
    private string? _reason;
    private volatile string? _complaint;

    private Connection(NatsOptions options, NatsOpts library)
    {
        _options = options;
        _nats = new NatsConnection(library);
        _jetStream = new NatsJSContext(_nats, new NatsJSOpts(library, options.ApiPrefix.TrimEnd('.')));
        _replies = NewInbox();
        _inbox = new Inbox(_nats, _replies + ".*", Receive);
        _nats.OnConnectingAsync = address =>
            Interlocked.Exchange(ref _dialled, 1) == 0 ? new(address) : throw new NatsException("a connection that broke stays so");
        _nats.ConnectionDisconnected += (_, _) =>
        {
            Break("closed by the server or the network");
            return ValueTask.CompletedTask;
        };
        _nats.ServerError += (_, said) =>
        {
            _complaint = said.Error;
            return ValueTask.CompletedTask;
        };
    }

    /// <summary>Largest message the server takes, headers included.</summary>
    public int MaxPayload { get; private set; }

    /// <summary>False once the connection was lost or closed.</summary>
    public bool IsAlive => !_lost.IsCancellationRequested;

    /// <summary>Cancelled when the connection was lost or closed.</summary>
    public CancellationToken Lost => _lost.Token;

    /// <summary>Connects to one of the servers. Throws <see cref="ConnectionException"/>.</summary>
    public static async Task<Connection> Open(NatsOptions options, CancellationToken cancellationToken)
    {
        var library = ConnectionOptions.Of(options);
        ConnectionException? failure = null;
        foreach (var server in options.Servers.Shuffle())
        {
            var connection = new Connection(options, library with { Url = server });
            try
            {
                await connection.Start(cancellationToken).ConfigureAwait(false);
                return connection;
            }
            catch (Exception error) when (IsLoss(error) || error is ConnectionException)
            {
                connection.Close();
                cancellationToken.ThrowIfCancellationRequested();
                failure = error as ConnectionException ?? new ConnectionException(
                    $"cannot connect to NATS at {server}: {error.GetBaseException().Message}", sent: false, error)
                {
                    Refused = error.GetBaseException() is NatsServerException { IsAuthError: true },
                };
            }
        }
        throw failure!;
    }

    /// <summary>A subject that only this caller listens on.</summary>
    public string NewInbox() => $"{_options.InboxPrefix ?? "_INBOX"}.{Guid.NewGuid():N}";

    /// <summary>
    /// Hands all that arrives on a subject to a receiver, on the thread that reads the socket, until <see cref="Unlisten"/>. Throws
    /// <see cref="ConnectionException"/>.
    /// </summary>
    public async Task<Inbox> Listen(string subject, Received received)
    {
        var inbox = new Inbox(_nats, subject, received);
        await Must(() => _nats.AddSubAsync(inbox, Lost)).ConfigureAwait(false);
        return inbox;
    }

    /// <summary>Ends what <see cref="Listen"/> began; on a connection that is gone it has ended.</summary>
    public Task Unlisten(Inbox inbox) => IsAlive ? Must(inbox.DisposeAsync).AsTask() : Task.CompletedTask;

    /// <summary>
    /// Calls JetStream's API. Throws <see cref="JetStreamException"/> for the server's no, <see cref="ConnectionException"/> when the connection
    /// failed; a timeout closes the connection.
    /// </summary>
    public async Task<T> Ask<T>(Func<NatsJSContext, CancellationToken, ValueTask<T>> request, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Lost, cancellationToken);
        try
        {
            return await request(_jetStream, stop.Token).ConfigureAwait(false);
        }
        catch (NatsJSApiException error)
        {
            throw new JetStreamException(error.Error);
        }
        catch (NatsNoRespondersException)
        {
            throw JetStreamException.NoResponders();
        }
        catch (NatsJSApiNoResponseException error)
        {
            throw NoAnswer(1, error);
        }
        catch (Exception error) when (IsLoss(error))
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw Failed(error);
        }
    }

    /// <summary>
    /// Sends requests of which each has one answer, and visits the answers with their places on the thread that reads the socket. What a visit throws
    /// is thrown here. The requests share one wait and one time limit, as their cost is that of the calls and wake-ups around each. Throws
    /// <see cref="ConnectionException"/>; closes the connection when none of the missing answers arrives within the timeout.
    /// </summary>
    public async Task RequestAll(IReadOnlyList<OutgoingMessage> messages, Answered visit, CancellationToken cancellationToken)
    {
        if (messages.Count == 0)
            return;

        var id = Interlocked.Increment(ref _lastRequests);
        var requests = new Requests(messages.Count, visit);
        _waiting[id] = requests;
        try
        {
            for (var place = 0; place < messages.Count; place++)
                await Send(messages[place], $"{_replies}.{id}-{place}").ConfigureAwait(false);

            await AllAnswered(requests, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _waiting.TryRemove(id, out _);
        }
    }

    /// <summary>Sends a message; the answers go to a subject. Throws <see cref="ConnectionException"/>.</summary>
    public ValueTask Send(OutgoingMessage message, string replyTo)
    {
        if (!IsAlive)
            throw new ConnectionException($"the connection to NATS is gone: {_reason}", sent: false);

        // Whatever goes wrong from here on, the library may have queued it: nobody knows whether it was sent.
        return Must(() => _nats.PublishAsync(
            message.Subject, message.Data, message.Headers, replyTo, NatsRawSerializer<ReadOnlyMemory<byte>>.Default, cancellationToken: Lost));
    }

    /// <summary>Closes the connection; whoever waits is told.</summary>
    public void Close() => Break("closed");

    private async Task Start(CancellationToken cancellationToken)
    {
        using (cancellationToken.UnsafeRegister(static connection => ((Connection)connection!).Close(), this))
        {
            await _nats.ConnectAsync().ConfigureAwait(false);
        }

        var server = _nats.ServerInfo!;
        if (!server.HeadersSupported)
        {
            throw new ConnectionException("the NATS server has no message headers: it is too old, the store needs nats-server 2.9 or newer", sent: false)
            {
                Refused = true,
            };
        }

        MaxPayload = Math.Min(server.MaxPayload, LargestMessage);
        await _nats.AddSubAsync(_inbox, Lost).ConfigureAwait(false);
    }

    private async ValueTask Must(Func<ValueTask> call)
    {
        try
        {
            await call().ConfigureAwait(false);
        }
        catch (NatsPayloadTooLargeException error)
        {
            throw new ConnectionException(error.Message, sent: false, error);
        }
        catch (Exception error) when (IsLoss(error))
        {
            throw Failed(error);
        }
    }

    private async Task AllAnswered(Requests requests, CancellationToken cancellationToken)
    {
        while (true)
        {
            var before = requests.Missing;
            try
            {
                await requests.Ended.WaitAsync(_options.Timeout, cancellationToken).ConfigureAwait(false);
                break;
            }
            catch (TimeoutException error)
            {
                if (requests.Missing == before)
                    throw NoAnswer(before, error);
            }
        }

        requests.ThrowIfFailed();
        if (requests.Missing > 0)
            throw Gone();
    }

    private void Receive(string subject, in ArrivedMessage message)
    {
        var token = subject.AsSpan(_replies.Length + 1);
        var dash = token.IndexOf('-');
        if (dash > 0 && long.TryParse(token[..dash], out var id) && int.TryParse(token[(dash + 1)..], out var place)
            && _waiting.TryGetValue(id, out var requests))
        {
            requests.Receive(place, message);
        }
    }

    private void Break(string reason)
    {
        if (Interlocked.CompareExchange(ref _reason, reason, null) is not null)
            return;

        _lost.Cancel();
        foreach (var requests in _waiting.Values)
            requests.End();

        // The library waits for the queues of a dead connection. Nothing depends on how that ends.
        _ = Task.Run(async () => await _nats.DisposeAsync().AsTask().ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing));
    }

    private static bool IsLoss(Exception error) => error is NatsException or OperationCanceledException or ObjectDisposedException;

    private ConnectionException NoAnswer(int requests, Exception error)
    {
        Break($"no answer within {_options.Timeout.TotalSeconds:0.#} s");
        var complaint = _complaint is { } said ? $" ({said})" : "";
        return new ConnectionException(
            $"NATS left {requests} requests without an answer for {_options.Timeout.TotalSeconds:0.#} s{complaint}", sent: true, error)
        {
            Denied = _complaint?.Contains("permissions violation", StringComparison.OrdinalIgnoreCase) == true,
        };
    }

    private ConnectionException Failed(Exception error)
    {
        Break(error.Message);
        return Gone(error);
    }

    private ConnectionException Gone(Exception? error = null) => new($"the connection to NATS was lost: {_reason}", sent: true, error);

    /// <summary>Called for each answer to one of several requests.</summary>
    public delegate void Answered(int place, in ArrivedMessage answer);

    private sealed class Requests(int count, Answered visit)
    {
        private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _missing = count;
        private Exception? _failure;

        /// <summary>Ends when all are answered, a visit failed or the connection is gone.</summary>
        public Task Ended => _ended.Task;

        public int Missing => Volatile.Read(ref _missing);

        public void Receive(int place, in ArrivedMessage answer)
        {
            try
            {
                visit(place, answer);
                if (Interlocked.Decrement(ref _missing) == 0)
                    End();
            }
            catch (Exception error)
            {
                _failure = error;
                End();
            }
        }

        public void End() => _ended.TrySetResult();

        public void ThrowIfFailed()
        {
            if (_failure is { } failure)
                ExceptionDispatchInfo.Throw(failure);
        }
    }
}
