using System.Globalization;
using Kine.Backends.Endpoints;
using NATS.Client.Core;

namespace Kine.Backends.Nats;

/// <summary>
/// Reads <c>nats://</c> and <c>jetstream://</c> endpoints as upstream kine does: URLs separated by commas, the first one's user and parameters count,
/// <c>contextFile</c> instead of hosts. Upstream may run a NATS server of its own, which this program does not: the parameters that shape that server
/// are refused, unless <c>noEmbed</c> says that it is not wanted anyway.
/// </summary>
internal static class NatsEndpoint
{
    private const string DefaultHost = "localhost";
    private const int DefaultPort = 4222;
    private static readonly string[] OwnServerOnly = ["serverConfig", "dontListen", "dataDir", "stdoutLogging", "embedServer"];

    /// <summary>Options for an endpoint. Reads the context file if one is named. Throws <see cref="StoreRefusedException"/>.</summary>
    /// <param name="rest">What follows the first scheme.</param>
    /// <param name="settings">The flags for the connection.</param>
    public static NatsOptions Parse(string rest, StoreSettings settings)
    {
        var urls = rest.StartsWith("nats://", StringComparison.Ordinal) ? rest["nats://".Length..].Split(',') : rest.Split(',');
        var mark = urls[0].IndexOf('?');
        var query = new EndpointQuery(mark < 0 ? "" : urls[0][(mark + 1)..]);
        RefuseOwnServer(query);
        var options = new NatsOptions
        {
            Servers = [],
            Bucket = Bucket(query),
            Replicas = Between(query, "replicas", 1, 5) ?? 1,
            SlowMethod = query.Duration("slowMethod") ?? TimeSpan.FromMilliseconds(500),
            Auth = new NatsAuthOpts { CredsFile = query.Get("credsFile") },
            Tls = new NatsTlsOpts
            {
                CaFile = NullIfEmpty(settings.CaFile),
                CertFile = NullIfEmpty(settings.CertFile),
                KeyFile = NullIfEmpty(settings.KeyFile),
                InsecureSkipVerify = settings.SkipVerify,
                Mode = settings.SkipVerify ? TlsMode.Require : TlsMode.Auto,
            },
        };
        Between(query, "revHistory", 2, 64); // The log keeps every revision until it is compacted.
        urls[0] = mark < 0 ? urls[0] : urls[0][..mark];
        if (query.Get("contextFile") is { } file)
        {
            if (urls[0].Length > 0)
                throw new StoreRefusedException("a nats endpoint with contextFile takes its servers from that file; leave the host out");

            options = NatsContextFile.Apply(file, options);
            urls = options.Servers.Count > 0 ? [.. options.Servers] : [""];
        }
        return CheckTls(WithServers(options, urls));
    }

    private static NatsOptions WithServers(NatsOptions options, string[] urls)
    {
        var servers = new List<string>();
        for (var i = 0; i < urls.Length; i++)
        {
            var url = urls[i].Trim();
            var scheme = "nats";
            var separator = url.IndexOf("://", StringComparison.Ordinal);
            if (separator >= 0)
                (scheme, url) = (url[..separator], url[(separator + 3)..]);

            if (scheme is not "nats" and not "tls" and not "jetstream")
                throw new StoreRefusedException($"a nats endpoint cannot contain a {scheme}:// server; servers are nats://host:port or tls://host:port");

            var query = url.IndexOfAny(['?', '/']);
            if (query >= 0)
                url = url[..query];

            var at = url.LastIndexOf('@');
            if (at >= 0)
            {
                if (i == 0)
                    options = WithUser(options, url[..at]);

                url = url[(at + 1)..];
            }
            servers.Add($"{(scheme == "tls" ? "tls" : "nats")}://{Address(url)}");
        }
        return options with { Servers = servers };
    }

    private static NatsOptions WithUser(NatsOptions options, string user)
    {
        var colon = user.IndexOf(':');
        var name = Uri.UnescapeDataString(colon < 0 ? user : user[..colon]);
        return options with
        {
            Auth = colon < 0
                ? options.Auth with { Token = name }
                : options.Auth with { Username = name, Password = Uri.UnescapeDataString(user[(colon + 1)..]) },
        };
    }

    private static string Address(string text)
    {
        var host = text;
        var port = DefaultPort;
        var colon = text.LastIndexOf(':');
        if (colon >= 0 && !text.EndsWith(']'))
        {
            host = text[..colon];
            port = EndpointQuery.Port(text.AsSpan(colon + 1));
        }
        if (host.Contains(':') && !host.StartsWith('['))
            throw new StoreRefusedException("a nats endpoint has a host with a colon in it; an IPv6 address needs brackets");

        return $"{(host.Length == 0 ? DefaultHost : host)}:{port}";
    }

    private static void RefuseOwnServer(EndpointQuery query)
    {
        if (query.Names.Contains("noEmbed"))
            return;

        foreach (var name in OwnServerOnly)
        {
            if (query.Names.Contains(name))
            {
                throw new StoreRefusedException(
                    $"endpoint parameter {name} shapes the NATS server that upstream kine can embed; this program has none: run nats-server with JetStream beside it and name it in the endpoint");
            }
        }
    }

    private static string Bucket(EndpointQuery query)
    {
        var bucket = query.Get("bucket") ?? "kine";
        return bucket.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_')
            ? bucket
            : throw new StoreRefusedException($"endpoint parameter bucket cannot be \"{bucket}\"; it may hold letters, digits, - and _");
    }

    private static int? Between(EndpointQuery query, string name, int least, int most)
    {
        // Upstream ignores what is no number; here it is refused, as everything else that cannot be meant.
        if (query.Integer(name) is not { } value)
            return null;

        return value >= least && value <= most
            ? (int)value
            : throw new StoreRefusedException($"endpoint parameter {name} cannot be {value}; it is a number from {least} to {most}");
    }

    private static NatsOptions CheckTls(NatsOptions options) => options.Tls.CertFile is null == options.Tls.KeyFile is null
        ? options
        : throw new StoreRefusedException("a certificate for the NATS server needs its key and the other way round: --cert-file and --key-file");

    private static string? NullIfEmpty(string text) => text.Length == 0 ? null : text;
}
