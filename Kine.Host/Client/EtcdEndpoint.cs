
namespace Kine.Host.Client;

/// <summary>Where an etcd v3 server listens.</summary>
/// <param name="Host">Host name or address; empty for a unix socket.</param>
/// <param name="Port">TCP port.</param>
/// <param name="Secure">TLS.</param>
/// <param name="SocketPath">Path of a unix socket, or null.</param>
internal sealed record EtcdEndpoint(string Host, int Port, bool Secure, string? SocketPath)
{
    private const int DefaultPort = 2379;

    /// <summary>The value of :authority.</summary>
    public string Authority => SocketPath is not null ? "localhost"
        : Host.Contains(':') ? $"[{Host}]:{Port}"
        : $"{Host}:{Port}";

    /// <summary>The address in the form that HTTP clients take; for a unix socket only a name.</summary>
    public Uri Address => new($"{(Secure ? "https" : "http")}://{Authority}");

    /// <summary>Reads <c>http://host:port</c>, <c>https://host:port</c>, <c>host:port</c> or <c>unix:///path</c>.</summary>
    /// <exception cref="FormatException">Anything else.</exception>
    public static EtcdEndpoint Parse(string text)
    {
        const string UnixScheme = "unix://";
        if (text.StartsWith(UnixScheme, StringComparison.Ordinal) && text.Length > UnixScheme.Length)
            return new EtcdEndpoint("", 0, false, text[UnixScheme.Length..]);

        var withScheme = text.Contains("://", StringComparison.Ordinal) ? text : "http://" + text;
        if (!Uri.TryCreate(withScheme, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https") || uri.Host.Length == 0
            || uri.PathAndQuery != "/")
        {
            throw new FormatException($"endpoint '{text}' is not http://host:port, https://host:port or unix:///path");
        }

        var hasPort = withScheme.TrimEnd('/').EndsWith($":{uri.Port}", StringComparison.Ordinal);
        return new EtcdEndpoint(uri.DnsSafeHost, hasPort ? uri.Port : DefaultPort, uri.Scheme == "https", null);
    }
}
