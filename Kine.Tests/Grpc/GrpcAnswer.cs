using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;
using Google.Protobuf;

namespace Kine.Tests.Grpc;

/// <summary>What a call gave: status, and the frames of the body.</summary>
internal sealed record GrpcAnswer(HttpResponseMessage Response, StatusCode Status, string Message, byte[] Body, bool TrailersOnly)
{
    /// <summary>Reads a response to its end.</summary>
    public static async Task<GrpcAnswer> Read(HttpResponseMessage response)
    {
        var body = await response.Content.ReadAsByteArrayAsync();
        var (status, message) = StatusOf(response) ?? throw new InvalidOperationException($"HTTP {response.StatusCode} without a status");
        return new GrpcAnswer(response, status, message, body, response.Headers.Contains("grpc-status"));
    }

    /// <summary>Status and text of a response that was read to its end; null when there is none.</summary>
    public static (StatusCode Code, string Message)? StatusOf(HttpResponseMessage response)
    {
        var from = response.Headers.Contains("grpc-status") ? response.Headers : response.TrailingHeaders;
        if (!from.TryGetValues("grpc-status", out var codes))
            return null;

        return ((StatusCode)int.Parse(codes.Single(), CultureInfo.InvariantCulture), from.TryGetValues("grpc-message", out var texts) ? texts.Single() : string.Empty);
    }

    /// <summary>The frames of the body: flag and bytes.</summary>
    public IReadOnlyList<(byte Flag, byte[] Bytes)> Frames
    {
        get
        {
            var frames = new List<(byte, byte[])>();
            for (var at = 0; at < Body.Length;)
            {
                var length = (int)BinaryPrimitives.ReadUInt32BigEndian(Body.AsSpan(at + 1));
                frames.Add((Body[at], Body[(at + 5)..(at + 5 + length)]));
                at += 5 + length;
            }

            return frames;
        }
    }

    /// <summary>The only message of the body, unpacked.</summary>
    public T Only<T>(MessageParser<T> parser)
        where T : IMessage<T>
    {
        var (flag, bytes) = Frames.Single();
        return flag == 0 ? parser.ParseFrom(bytes) : parser.ParseFrom(new GZipStream(new MemoryStream(bytes), CompressionMode.Decompress));
    }
}
