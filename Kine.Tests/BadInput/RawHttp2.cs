using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Kine.Tests.BadInput;

/// <summary>An HTTP/2 connection by hand, for what no client library would send.</summary>
public sealed class RawHttp2 : IDisposable
{
    public const byte Data = 0;
    public const byte Headers = 1;
    public const byte Priority = 2;
    public const byte Reset = 3;
    public const byte Settings = 4;
    public const byte Ping = 6;
    public const byte GoAway = 7;
    public const byte WindowUpdate = 8;
    public const byte Continuation = 9;
    public const byte EndStream = 1;
    public const byte EndHeaders = 4;

    private const int FrameHeaderLength = 9;

    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };

    /// <summary>Connects without saying anything.</summary>
    public static async Task<RawHttp2> Connect(string address)
    {
        var connection = new RawHttp2();
        await connection._socket.ConnectAsync(IPEndPoint.Parse(address));
        return connection;
    }

    /// <summary>Connects, and sends the preface and empty settings.</summary>
    public static async Task<RawHttp2> Open(string address)
    {
        var connection = await Connect(address);
        await connection.Send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8.ToArray());
        await connection.Frame(Settings, 0, 0, []);
        return connection;
    }

    public async Task Send(byte[] bytes) => await _socket.SendAsync(bytes);

    /// <summary>Sends a frame whose length is that of its payload.</summary>
    public Task Frame(byte type, byte flags, int stream, byte[] payload) => Frame(type, flags, stream, payload, payload.Length);

    /// <summary>Sends a frame that may claim any length.</summary>
    public async Task Frame(byte type, byte flags, int stream, byte[] payload, int claimedLength) => await Send(Encode(type, flags, stream, payload, claimedLength));

    /// <summary>A frame whose length is that of its payload.</summary>
    public static byte[] Encode(byte type, byte flags, int stream, byte[] payload) => Encode(type, flags, stream, payload, payload.Length);

    /// <summary>Opens a stream with the headers of a gRPC request.</summary>
    public Task Request(int stream, string path, params (string Name, string Value)[] more) => Frame(Headers, EndHeaders, stream, RequestBlock(path, more));

    /// <summary>The headers of a gRPC request.</summary>
    public static byte[] RequestBlock(string path, params (string Name, string Value)[] more) => Block(
    [
        (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "localhost"),
        ("content-type", "application/grpc"), ("te", "trailers"), .. more,
    ]);

    /// <summary>A whole call with an empty message and any authority.</summary>
    public async Task Call(int stream, string path, string authority, params (string Name, string Value)[] more)
    {
        (string, string)[] headers =
        [
            (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", authority),
            ("content-type", "application/grpc"), ("te", "trailers"), .. more,
        ];
        await Frame(Headers, EndHeaders, stream, Block(headers));
        await Frame(Data, EndStream, stream, new byte[5]);
    }

    /// <summary>A header block of literals, without any compression.</summary>
    public static byte[] Block(params (string Name, string Value)[] headers)
    {
        var block = new MemoryStream();
        foreach (var (name, value) in headers)
        {
            block.WriteByte(0);
            WriteString(block, name);
            WriteString(block, value);
        }
        return block.ToArray();
    }

    /// <summary>Reads frames until the server closes or nothing comes for the time given; gives their types.</summary>
    public async Task<List<(byte Type, int Stream)>> Drain(TimeSpan quiet)
    {
        var frames = new List<(byte, int)>();
        var header = new byte[FrameHeaderLength];
        try
        {
            while (await Fill(header, quiet))
            {
                frames.Add((header[3], BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(5))));
                var payload = new byte[(header[0] << 16) | (header[1] << 8) | header[2]];
                if (!await Fill(payload, quiet))
                    break;
            }
        }
        catch (SocketException)
        {
            // Reset by the server, which is one way to refuse garbage.
        }
        return frames;
    }

    /// <summary>Reads until the server closes, and gives the error of its GOAWAY; null when there was none.</summary>
    /// <exception cref="OperationCanceledException">It did neither.</exception>
    public async Task<int?> GoodBye(CancellationToken cancellation)
    {
        int? error = null;
        var header = new byte[FrameHeaderLength];
        await using var stream = new BufferedStream(new NetworkStream(_socket, ownsSocket: false));
        try
        {
            while (true)
            {
                await stream.ReadExactlyAsync(header, cancellation);
                var payload = new byte[(header[0] << 16) | (header[1] << 8) | header[2]];
                await stream.ReadExactlyAsync(payload, cancellation);
                if (header[3] == GoAway)
                    error = BinaryPrimitives.ReadInt32BigEndian(payload.AsSpan(4));
            }
        }
        catch (IOException)
        {
            return error;
        }
    }

    public void Dispose() => _socket.Dispose();

    private static byte[] Encode(byte type, byte flags, int stream, byte[] payload, int claimedLength)
    {
        var frame = new byte[FrameHeaderLength + payload.Length];
        frame[0] = (byte)(claimedLength >> 16);
        frame[1] = (byte)(claimedLength >> 8);
        frame[2] = (byte)claimedLength;
        frame[3] = type;
        frame[4] = flags;
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), stream);
        payload.CopyTo(frame, FrameHeaderLength);
        return frame;
    }

    private async Task<bool> Fill(byte[] buffer, TimeSpan quiet)
    {
        using var limit = new CancellationTokenSource(quiet);
        try
        {
            for (var got = 0; got < buffer.Length;)
            {
                var read = await _socket.ReceiveAsync(buffer.AsMemory(got), limit.Token);
                if (read == 0)
                    return false;

                got += read;
            }
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private static void WriteString(MemoryStream block, string text)
    {
        var bytes = Encoding.Latin1.GetBytes(text);
        if (bytes.Length < 127)
        {
            block.WriteByte((byte)bytes.Length);
        }
        else
        {
            block.WriteByte(127);
            var rest = bytes.Length - 127;
            for (; rest >= 128; rest /= 128)
                block.WriteByte((byte)((rest % 128) + 128));

            block.WriteByte((byte)rest);
        }
        block.Write(bytes);
    }
}
