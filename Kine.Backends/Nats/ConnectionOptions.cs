using System.Net.Security;
using System.Security.Cryptography;
using Kine.Backends.Tls;
using NATS.Client.Core;
using NATS.NKeys;

namespace Kine.Backends.Nats;

/// <summary>The library's options for a connection, with what files hold read anew for each one.</summary>
internal static class ConnectionOptions
{
    private const int SeedLength = 58;
    private const int QueueBytes = 1 << 20;
    private const int ReadBytes = 256 << 10;
    private static readonly TimeSpan LongestConnect = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan PingInterval = TimeSpan.FromSeconds(20);

    /// <summary>All but the server. Throws <see cref="ConnectionException"/> when a file cannot be used, without its content.</summary>
    public static NatsOpts Of(NatsOptions options) => new()
    {
        Name = $"kine bucket {options.Bucket}",
        AuthOpts = LogIn(options.Auth),
        TlsOpts = Checked(options),
        InboxPrefix = options.InboxPrefix ?? "_INBOX",
        ConnectTimeout = options.Timeout < LongestConnect ? options.Timeout : LongestConnect,
        RequestTimeout = options.Timeout,
        CommandTimeout = options.Timeout,
        PingInterval = PingInterval,
        WriterBufferSize = QueueBytes,
        ReaderBufferSize = ReadBytes,
    };

    private static NatsAuthOpts LogIn(NatsAuthOpts logIn)
    {
        if (logIn.CredsFile is { } credentials)
        {
            var text = Read(credentials);
            logIn = text.Contains("BEGIN NATS USER JWT", StringComparison.Ordinal) && text.Contains("BEGIN USER NKEY SEED", StringComparison.Ordinal)
                ? logIn with { CredsFile = null, Creds = text }
                : throw Refused($"the credentials file {credentials} holds no user JWT with its seed");
        }
        if (logIn.NKeyFile is { } file)
        {
            try
            {
                var seed = Read(file).Split('\n').Select(line => line.Trim()).First(line => line.Length == SeedLength && line[0] == 'S');
                using var pair = KeyPair.FromSeed(seed);
                logIn = logIn with { NKeyFile = null, Seed = seed, NKey = pair.GetPublicKey() };
            }
            catch (Exception error) when (error is NKeysException or InvalidOperationException)
            {
                throw Refused($"the file {file} holds no NKey seed");
            }
        }
        return logIn;
    }

    private static NatsTlsOpts Checked(NatsOptions options)
    {
        var tls = options.Tls;
        string?[] files = [tls.CertFile, tls.KeyFile];
        foreach (var file in files)
        {
            if (file is not null)
                Read(file);
        }

        if (tls.InsecureSkipVerify)
            return tls;

        var trust = Trust(tls.CaFile);
        var asked = tls.CaFile is not null || tls.CertFile is not null || options.Servers.Any(server => server.StartsWith("tls:", StringComparison.Ordinal));
        return tls with { CaFile = null, Mode = asked ? TlsMode.Require : TlsMode.Prefer, ConfigureClientAuthentication = Check };

        ValueTask Check(SslClientAuthenticationOptions client)
        {
            client.RemoteCertificateValidationCallback = trust.Check(client.TargetHost);
            return default;
        }
    }

    private static CertificateTrust Trust(string? caFile)
    {
        if (caFile is null)
            return new CertificateTrust(null, CertificateTrust.ServerUsage);

        try
        {
            return CertificateTrust.Parse(Read(caFile), caFile, CertificateTrust.ServerUsage);
        }
        catch (CryptographicException error)
        {
            throw Refused($"{caFile} cannot be used: {error.Message}");
        }
    }

    private static string Read(string file)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw Refused($"the file {file} for the log-in to NATS cannot be read: {error.Message}");
        }
    }

    private static ConnectionException Refused(string message) => new(message, sent: false) { Refused = true };
}
