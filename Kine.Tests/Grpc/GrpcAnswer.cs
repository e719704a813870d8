using System.Buffers.Binary;
using System.Globalization;
using Google.Protobuf;
using Kine.Grains;

namespace Kine.Tests.Grpc;

/// <summary>What a call gave: status, and the frames of the body.</summary>
internal sealed record GrpcAnswer(HttpResponseMessage Response, StatusCode Status, string Message, byte[] Body, bool TrailersOnly)
{
    /// <summary>Reads a response to its end.</summary>
    public static async Task<GrpcAnswer> Read(HttpResponseMessage response)
    {
        var body = await response.Content.ReadAsByteArrayAsync();
        var trailersOnly = response.Headers.Contains("grpc-status");
        var from = trailersOnly ? response.Headers : response.TrailingHeaders;
        var status = (StatusCode)int.Parse(from.GetValues("grpc-status").Single(), CultureInfo.InvariantCulture);
        var message = from.TryGetValues("grpc-message", out var values) ? values.Single() : string.Empty;
        return new GrpcAnswer(response, status, message, body, trailersOnly);
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

    /// <summary>The only message of the body.</summary>
    public T Only<T>(MessageParser<T> parser)
        where T : IMessage<T> => parser.ParseFrom(Frames.Single().Bytes);
}
