using System.Buffers.Binary;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Kine.Tests.Identity;

/// <summary>
/// The log-in of a MySQL server that asks for the password itself (mysql_clear_password), as the clouds' plugins for tokens do, and then refuses it. Packets
/// after MySQL's protocol documentation (connection phase).
/// </summary>
public sealed class CleartextServer : IAsyncDisposable
{
    private const string Plugin = "mysql_clear_password";
    private const uint Tls = 0x800;
    private const uint Capabilities = 0x1 | 0x8 | 0x200 | 0x2000 | 0x8000 | 0x80000; // long password, database, 4.1, transactions, 4.1 log-in, plugins
    private const int MaxPacket = 1 << 20;
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly MemoryStream _plain = new();
    private readonly X509Certificate2? _certificate;
    private readonly string _greets;
    private readonly Task _accepting;

    /// <param name="certificate">Its certificate; null = it has no TLS.</param>
    /// <param name="greets">The log-in that its greeting names; a client that follows it when it is mysql_clear_password sends the password unasked.</param>
    public CleartextServer(X509Certificate2? certificate, string greets = "mysql_native_password")
    {
        _certificate = certificate;
        _greets = greets;
        _listener.Start();
        _accepting = Accept();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>The passwords it was handed.</summary>
    public List<string> Passwords { get; } = [];

    /// <summary>Everything that anybody on the way could read.</summary>
    public string Overheard => Encoding.UTF8.GetString(_plain.ToArray());

    private async Task Accept()
    {
        try
        {
            while (true)
            {
                using var client = await _listener.AcceptTcpClientAsync(_stop.Token);
                try
                {
                    await Serve(client.GetStream());
                }
                catch (Exception refused) when (refused is IOException or AuthenticationException)
                {
                    // The client has seen enough.
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The test is over.
        }
    }

    private async Task Serve(NetworkStream network)
    {
        await Send(network, 0, Greeting());
        var answer = await Read(network);
        await _plain.WriteAsync(answer);
        if (IsFarewell(answer))
            return;

        Stream stream = network;
        if (_certificate is not null && (BinaryPrimitives.ReadUInt32LittleEndian(answer.AsSpan(4)) & Tls) != 0)
        {
            var secure = new SslStream(network);
            await secure.AuthenticateAsServerAsync(_certificate);
            stream = secure;
            answer = await Read(stream);
        }
        await Send(stream, (byte)(answer[3] + 1), [0xFE, .. Encoding.ASCII.GetBytes(Plugin), 0]);
        answer = await Read(stream);
        if (stream == network)
            await _plain.WriteAsync(answer);

        if (IsFarewell(answer))
            return;

        Passwords.Add(Encoding.UTF8.GetString(answer.AsSpan(4).TrimEnd((byte)0)));
        await Send(stream, (byte)(answer[3] + 1), [0xFF, 0x15, 0x04, .. "#28000Access denied"u8]);
    }

    private byte[] Greeting()
    {
        var capabilities = Capabilities | (_certificate is null ? 0 : Tls);
        return
        [
            10, .. "8.4.0\0"u8, 1, 0, 0, 0, .. "saltsalt"u8, 0, (byte)capabilities, (byte)(capabilities >> 8), 45, 2, 0,
            (byte)(capabilities >> 16), (byte)(capabilities >> 24), 21, .. new byte[10], .. "saltsaltsalt\0"u8, .. Encoding.ASCII.GetBytes(_greets), 0,
        ];
    }

    private static async Task Send(Stream stream, byte sequence, byte[] payload) =>
        await stream.WriteAsync((byte[])[(byte)payload.Length, (byte)(payload.Length >> 8), 0, sequence, .. payload]);

    // COM_QUIT, the first packet of a conversation of its own.
    private static bool IsFarewell(byte[] packet) => packet is [1, 0, 0, 0, 1];

    // A packet with its header: three bytes of length, one of sequence.
    private static async Task<byte[]> Read(Stream stream)
    {
        var header = new byte[4];
        await stream.ReadExactlyAsync(header);
        var length = header[0] | header[1] << 8 | header[2] << 16;
        Assert.InRange(length, 0, MaxPacket);
        var packet = new byte[4 + length];
        header.CopyTo(packet, 0);
        await stream.ReadExactlyAsync(packet.AsMemory(4));
        return packet;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _accepting;
        _listener.Dispose();
        _stop.Dispose();
    }
}
