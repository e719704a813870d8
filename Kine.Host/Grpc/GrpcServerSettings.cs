using System.Security.Cryptography;
using Kine.Grains.Hosting;
using Kine.Host.Cli;
using Microsoft.Extensions.Logging;

namespace Kine.Host.Grpc;

/// <summary>Where and how the server listens.</summary>
/// <param name="Address">For etcd's clients.</param>
/// <param name="Tls">TLS of that address; null = plain text.</param>
/// <param name="MetricsAddress">For metrics and health alone; null = nowhere.</param>
/// <param name="MetricsTls">TLS of the metrics address; null = plain text.</param>
internal sealed record GrpcServerSettings(ListenAddress Address, ServerTls? Tls, ListenAddress? MetricsAddress, ServerTls? MetricsTls)
{
    /// <summary>Reads addresses and loads certificates.</summary>
    /// <exception cref="StartException">One of them is at fault.</exception>
    public static GrpcServerSettings Read(ServerOptions options, ILogger logger, TimeProvider time)
    {
        var address = options.ListenAddress.Length == 0 ? "unix://kine.sock" : options.ListenAddress;
        var tls = ReadTls(options, logger, time);
        return new GrpcServerSettings(
            Parse("--listen-address", address),
            tls,
            options.MetricsBindAddress is "0" or "" ? null : Parse("--metrics-bind-address", options.MetricsBindAddress),
            options.MetricsIgnoreTlsConfig ? null : tls);
    }

    private static ListenAddress Parse(string flag, string text)
    {
        try
        {
            return ListenAddress.Parse(text);
        }
        catch (FormatException error)
        {
            throw new StartException($"{flag} \"{text}\" {error.Message}", wrongSettings: true);
        }
    }

    private static ServerTls? ReadTls(ServerOptions options, ILogger logger, TimeProvider time)
    {
        if (options is { ServerCertFile: "", ServerKeyFile: "", TrustedCaFile: "" })
            return null;

        if (options.ServerCertFile.Length == 0 || options.ServerKeyFile.Length == 0)
            throw new StartException("--server-cert-file and --server-key-file are only of use together, and --trusted-ca-file only with both", wrongSettings: true);

        try
        {
            var trusted = options.TrustedCaFile.Length == 0 ? null : options.TrustedCaFile;
            return new ServerTls(options.ServerCertFile, options.ServerKeyFile, trusted, time, text => logger.LogWarning("{Text}", text));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new StartException($"the TLS files of the listener cannot be used: {e.Message.TrimEnd('.')}", wrongSettings: true, e);
        }
    }
}
