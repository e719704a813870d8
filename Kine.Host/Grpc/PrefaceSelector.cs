using System.Buffers;
using System.IO.Pipelines;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace Kine.Host.Grpc;

/// <summary>
/// Lets HTTP/1.1 and HTTP/2 share a port without TLS: looks at the first bytes of a connection, and when they are HTTP/2's preface,
/// says what a TLS handshake would have said. Kestrel chooses by that alone, and takes HTTP/1.1 otherwise.
/// </summary>
internal static class PrefaceSelector
{
    private static readonly Http2Chosen Chosen = new();

    private static ReadOnlySpan<byte> Preface => "PRI * HTTP/2.0\r\n"u8;

    public static async Task OnConnection(ConnectionContext connection, ConnectionDelegate next)
    {
        bool isHttp2;
        try
        {
            var closing = connection.Features.Get<IConnectionLifetimeNotificationFeature>()?.ConnectionClosedRequested ?? CancellationToken.None;
            isHttp2 = await IsHttp2(connection.Transport.Input, closing);
        }
        catch (Exception e) when (e is ConnectionAbortedException or ConnectionResetException or OperationCanceledException)
        {
            return; // Gone, or the server stops, before a request came.
        }

        if (isHttp2)
        {
            connection.Features.Set<ITlsConnectionFeature>(Chosen);
            connection.Features.Set<ITlsApplicationProtocolFeature>(Chosen);
        }

        await next(connection);
    }

    private static async Task<bool> IsHttp2(PipeReader input, CancellationToken closing)
    {
        while (true)
        {
            var read = await input.ReadAsync(closing);
            var length = read.Buffer.Length;
            var isPreface = length != 0 && StartsLikePreface(read.Buffer);
            if (length >= Preface.Length || read.IsCompleted || (length != 0 && !isPreface))
            {
                // What is not examined is there at once for the next reader.
                input.AdvanceTo(read.Buffer.Start, read.Buffer.Start);
                return isPreface;
            }

            input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    private static bool StartsLikePreface(ReadOnlySequence<byte> buffer)
    {
        Span<byte> start = stackalloc byte[Preface.Length];
        var length = (int)Math.Min(buffer.Length, Preface.Length);
        buffer.Slice(0, length).CopyTo(start);
        return start[..length].SequenceEqual(Preface[..length]);
    }

    private sealed class Http2Chosen : ITlsConnectionFeature, ITlsApplicationProtocolFeature
    {
        private static readonly byte[] Http2 = "h2"u8.ToArray();

        public X509Certificate2? ClientCertificate
        {
            get => null;
            set => throw new NotSupportedException("There is no TLS on this connection.");
        }

        public ReadOnlyMemory<byte> ApplicationProtocol => Http2;

        public Task<X509Certificate2?> GetClientCertificateAsync(CancellationToken cancellationToken) => Task.FromResult<X509Certificate2?>(null);
    }
}
