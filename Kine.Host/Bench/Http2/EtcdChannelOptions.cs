using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace Kine.Host.Bench.Http2;

/// <summary>How an <see cref="EtcdChannel"/> connects and receives.</summary>
public sealed record EtcdChannelOptions
{
    /// <summary>
    /// Runs what follows an awaited <see cref="UnaryCall"/> on the connection's read loop, and sends what that code asks for in one go.
    /// The loop then has a thread of its own. Saves most of the client's CPU, but that code must never block.
    /// </summary>
    public bool InlineContinuations { get; init; }

    /// <summary>Bytes a server may send on a stream before they are acknowledged.</summary>
    public int StreamWindow { get; init; } = 4 * 1024 * 1024;

    /// <summary>Bytes a server may send on a connection before they are acknowledged.</summary>
    public int ConnectionWindow { get; init; } = 64 * 1024 * 1024;

    /// <summary>Time to connect and to exchange settings.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Client certificate for https endpoints.</summary>
    public X509Certificate2? ClientCertificate { get; init; }

    /// <summary>Own check of the server's certificate on https endpoints; null = the machine's trust.</summary>
    public RemoteCertificateValidationCallback? ServerCertificateCheck { get; init; }
}
