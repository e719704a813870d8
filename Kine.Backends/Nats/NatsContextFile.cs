using System.Text.Json;
using System.Text.Json.Nodes;
using NATS.Client.Core;

namespace Kine.Backends.Nats;

/// <summary>
/// A context of the <c>nats</c> command-line program: a JSON file with url, user, password, token, creds, nkey, cert, key, ca, inbox_prefix,
/// jetstream_domain and jetstream_api_prefix. What the endpoint or the flags say goes before it, as upstream has it.
/// </summary>
internal static class NatsContextFile
{
    private static readonly string[] Unsupported = ["nsc", "user_jwt", "user_seed", "socks_proxy", "windows_cert_store"];

    /// <summary>Fills in what the file says. Throws <see cref="StoreRefusedException"/>, never with a secret.</summary>
    public static NatsOptions Apply(string file, NatsOptions options)
    {
        var context = Read(file);
        foreach (var name in Unsupported)
        {
            if (Text(file, context, name) is not null)
                throw new StoreRefusedException($"the NATS context {file} uses {name}, which is not supported; use creds, nkey, user and password, or token");
        }
        if (context["tls_first"] is JsonValue first && first.GetValueKind() == JsonValueKind.True)
            throw new StoreRefusedException($"the NATS context {file} uses tls_first, which is not supported");

        var prefix = Text(file, context, "jetstream_api_prefix");
        if (Text(file, context, "jetstream_domain") is { } domain)
            prefix = $"$JS.{domain}.API";

        return options with
        {
            Servers = (Text(file, context, "url") ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries),
            Auth = new NatsAuthOpts
            {
                Username = Text(file, context, "user"),
                Password = Text(file, context, "password"),
                Token = Text(file, context, "token"),
                CredsFile = options.Auth.CredsFile ?? FilePath(file, context, "creds"),
                NKeyFile = FilePath(file, context, "nkey"),
            },
            Tls = options.Tls with
            {
                CertFile = options.Tls.CertFile ?? FilePath(file, context, "cert"),
                KeyFile = options.Tls.KeyFile ?? FilePath(file, context, "key"),
                CaFile = options.Tls.CaFile ?? FilePath(file, context, "ca"),
            },
            InboxPrefix = Text(file, context, "inbox_prefix")?.TrimEnd('.'),
            ApiPrefix = prefix is null ? options.ApiPrefix : prefix.TrimEnd('.') + ".",
        };
    }

    private static JsonObject Read(string file)
    {
        try
        {
            return JsonNode.Parse(File.ReadAllText(file)) as JsonObject ?? throw new JsonException("it is no object");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new StoreRefusedException($"the NATS context file {file} cannot be read: {error.Message}", error);
        }
        catch (JsonException)
        {
            // The parser's words may quote the file.
            throw new StoreRefusedException($"the NATS context file {file} is not a JSON object");
        }
    }

    private static string? Text(string file, JsonObject context, string name)
    {
        if (context[name] is not { } value)
            return null;

        if (value.GetValueKind() != JsonValueKind.String)
            throw new StoreRefusedException($"the NATS context file {file} has a {name} that is no text");

        var text = value.GetValue<string>();
        return text.Length == 0 ? null : text;
    }

    private static string? FilePath(string file, JsonObject context, string name)
    {
        var path = Text(file, context, name);
        return path is not null && path.StartsWith("~/", StringComparison.Ordinal)
            ? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), path[2..])
            : path;
    }
}
