using System.Formats.Asn1;
using System.Net;
using System.Net.Sockets;

namespace Kine.Tests.Identity;

/// <summary>
/// An LDAP server that knows simple binds only (RFC 4511), so that a real PostgreSQL asks the test whether a password is right, as RDS asks IAM.
/// </summary>
public sealed class LdapServer : IAsyncDisposable
{
    private const int Success = 0;
    private const int InvalidCredentials = 49;
    private static readonly Asn1Tag BindRequest = new(TagClass.Application, 0, isConstructed: true);
    private static readonly Asn1Tag BindResponse = new(TagClass.Application, 1, isConstructed: true);
    private static readonly Asn1Tag SimplePassword = new(TagClass.ContextSpecific, 0);
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _accepting;
    private readonly List<string> _seen = [];

    public LdapServer()
    {
        _listener.Start();
        _accepting = Accept();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Decides about name and password.</summary>
    public Func<string, string, bool> Check { get; set; } = (_, _) => false;

    /// <summary>All passwords that were tried since this was last emptied.</summary>
    public IReadOnlyList<string> Seen
    {
        get
        {
            lock (_seen)
            {
                return [.. _seen];
            }
        }
    }

    public void Forget()
    {
        lock (_seen)
        {
            _seen.Clear();
        }
    }

    private async Task Accept()
    {
        try
        {
            while (true)
                _ = Serve(await _listener.AcceptTcpClientAsync(_stop.Token));
        }
        catch (OperationCanceledException)
        {
            // The test is over.
        }
    }

    private async Task Serve(TcpClient client)
    {
        using (client)
        {
            var stream = client.GetStream();
            var received = new List<byte>();
            var buffer = new byte[4096];
            int length;
            while ((length = await stream.ReadAsync(buffer, _stop.Token)) > 0)
            {
                received.AddRange(buffer.AsSpan(0, length));
                while (AsnDecoder.TryReadEncodedValue([.. received], AsnEncodingRules.BER, out _, out _, out _, out var consumed))
                {
                    byte[] message = [.. received.Take(consumed)];
                    received.RemoveRange(0, consumed);
                    if (Answer(message) is not { } answer)
                        return;

                    await stream.WriteAsync(answer, _stop.Token);
                }
            }
        }
    }

    // Null for anything but a bind, such as the client's goodbye.
    private byte[]? Answer(byte[] message)
    {
        var request = new AsnReader(message, AsnEncodingRules.BER).ReadSequence();
        var id = request.ReadInteger();
        if (!request.PeekTag().HasSameClassAndValue(BindRequest))
            return null;

        var bind = request.ReadSequence(BindRequest);
        bind.ReadInteger(); // version
        var name = System.Text.Encoding.UTF8.GetString(bind.ReadOctetString());
        var password = System.Text.Encoding.UTF8.GetString(bind.ReadOctetString(SimplePassword));
        lock (_seen)
        {
            _seen.Add(password);
        }

        var answer = new AsnWriter(AsnEncodingRules.BER);
        using (answer.PushSequence())
        {
            answer.WriteInteger(id);
            using (answer.PushSequence(BindResponse))
            {
                answer.WriteEncodedValue([0x0A, 0x01, (byte)(Check(name, password) ? Success : InvalidCredentials)]); // ENUMERATED
                answer.WriteOctetString([]);
                answer.WriteOctetString([]);
            }
        }
        return answer.Encode();
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _accepting;
        _listener.Dispose();
        _stop.Dispose();
    }
}
