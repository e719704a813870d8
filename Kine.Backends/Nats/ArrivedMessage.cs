using System.Buffers.Text;

namespace Kine.Backends.Nats;

/// <summary>A message in the socket's buffer, only valid during the call that hands it out.</summary>
internal readonly ref struct ArrivedMessage
{
    private static ReadOnlySpan<byte> Version => "NATS/1.0"u8;

    /// <param name="headers">As sent: <c>NATS/1.0[ status[ text]]</c>, then a line for each header; empty when there are none.</param>
    /// <param name="data">Payload.</param>
    public ArrivedMessage(ReadOnlySpan<byte> headers, ReadOnlySpan<byte> data)
    {
        Data = data;
        foreach (var range in headers.Split("\r\n"u8))
        {
            var line = headers[range];
            if (line.StartsWith(Version))
                Status = Utf8Parser.TryParse(line[Version.Length..].TrimStart((byte)' '), out int status, out _) ? status : 0;
            else if (line.StartsWith("Kine-Tail:"u8))
                Tail = ValueOf(line);
            else if (line.StartsWith("Kine-Content:"u8))
                Content = ValueOf(line);
        }
    }

    /// <summary>Payload.</summary>
    public ReadOnlySpan<byte> Data { get; }

    /// <summary>Header <see cref="LogTail.Header"/>, ASCII; empty when absent.</summary>
    public ReadOnlySpan<byte> Tail { get; }

    /// <summary>Header <see cref="LogTail.ContentHeader"/>, base64; empty when absent.</summary>
    public ReadOnlySpan<byte> Content { get; }

    /// <summary>The server's own status: 404, 408, 503, ...; 0 when there is none.</summary>
    public int Status { get; }

    private static ReadOnlySpan<byte> ValueOf(ReadOnlySpan<byte> line) => line[(line.IndexOf((byte)':') + 1)..].Trim((byte)' ');
}
