using System.Net;
using System.Net.Sockets;
using System.Text;
using Kine.Host.Bench.Http2;

namespace Kine.Tests.Bench;

/// <summary>The server end of one HTTP/2 connection, driven frame by frame by a test.</summary>
internal sealed class ScriptedServer : IDisposable
{
    private const int PrefaceSize = 24;

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly HpackDecoder _decoder = new();
    private Socket? _socket;

    public ScriptedServer() => _listener.Start();

    public string Endpoint => $"http://{_listener.LocalEndpoint}";

    /// <summary>Accepts the connection, reads preface and settings, and sends the given settings as pairs of id and value.</summary>
    public async Task Accept(params (ushort Id, uint Value)[] settings)
    {
        await AcceptWithoutSettings();
        Assert.Equal("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Encoding.ASCII.GetString(await Receive(PrefaceSize)));
        var frame = new WireBuffer();
        foreach (var (id, value) in settings)
        {
            frame.WriteByte((byte)(id >> 8));
            frame.WriteByte((byte)id);
            frame.WriteUInt32(value);
        }

        await Send(FrameType.Settings, FrameFlags.None, 0, frame.Span.ToArray());
    }

    public async Task AcceptWithoutSettings()
    {
        _socket?.Dispose();
        _socket = await _listener.AcceptSocketAsync();
    }

    public async Task Send(FrameType type, FrameFlags flags, int streamId, byte[] payload)
    {
        var frame = new WireBuffer();
        frame.WriteFrameHeader(new FrameHeader(payload.Length, type, flags, streamId));
        frame.Write(payload);
        await _socket!.SendAsync(frame.Memory);
    }

    /// <summary>Sends raw bytes.</summary>
    public async Task SendRaw(byte[] bytes) => await _socket!.SendAsync(bytes);

    /// <summary>Sends a whole successful reply.</summary>
    public async Task Reply(int streamId, byte[] message)
    {
        await Send(FrameType.Headers, FrameFlags.EndHeaders, streamId, [0x88]);
        await Send(FrameType.Data, FrameFlags.None, streamId, Framed(message));
        await Trailers(streamId, "0", null);
    }

    public async Task Trailers(int streamId, string status, string? message)
    {
        var block = new WireBuffer();
        Literal(block, "grpc-status", status);
        if (message is not null)
        {
            Literal(block, "grpc-message", message);
        }

        await Send(FrameType.Headers, FrameFlags.EndHeaders | FrameFlags.EndStream, streamId, block.Span.ToArray());
    }

    /// <summary>The next frame of one of the types; others are skipped.</summary>
    public async Task<(FrameHeader Header, byte[] Payload)> Next(params FrameType[] types)
    {
        while (true)
        {
            var header = FrameHeader.Read(await Receive(FrameHeader.Size));
            var payload = await Receive(header.Length);
            if (header.Type == FrameType.Headers)
            {
                _decoder.Decode(payload, new NoSink());
            }

            if (types.Contains(header.Type))
            {
                return (header, payload);
            }
        }
    }

    /// <summary>True if the client sends nothing of the type within a moment.</summary>
    public async Task<bool> StaysSilent(FrameType type)
    {
        while (_socket!.Poll(TimeSpan.FromMilliseconds(200), SelectMode.SelectRead))
        {
            var header = FrameHeader.Read(await Receive(FrameHeader.Size));
            await Receive(header.Length);
            if (header.Type == type)
            {
                return false;
            }
        }

        return true;
    }

    public static byte[] Framed(byte[] message)
    {
        var frame = new WireBuffer();
        frame.WriteByte(0);
        frame.WriteUInt32((uint)message.Length);
        frame.Write(message);
        return frame.Span.ToArray();
    }

    public void CloseConnection() => _socket!.Dispose();

    public void Dispose()
    {
        _socket?.Dispose();
        _listener.Dispose();
    }

    private static void Literal(WireBuffer block, string name, string value)
    {
        block.WriteByte(0x40);
        block.WriteByte((byte)name.Length);
        block.Write(Encoding.ASCII.GetBytes(name));
        block.WriteByte((byte)value.Length);
        block.Write(Encoding.ASCII.GetBytes(value));
    }

    private async Task<byte[]> Receive(int count)
    {
        var bytes = new byte[count];
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        for (var received = 0; received < count;)
        {
            var read = await _socket!.ReceiveAsync(bytes.AsMemory(received), limit.Token);
            if (read == 0)
            {
                throw new IOException("the client closed the connection");
            }

            received += read;
        }

        return bytes;
    }

    private sealed class NoSink : IHeaderSink
    {
        public void OnHeader(HeaderField field)
        {
        }
    }
}
