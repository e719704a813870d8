using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;

namespace Kine.Backends.Identity;

/// <summary>Microsoft Entra ID for Azure Database for PostgreSQL and MySQL. A token is for a cloud's databases, not for one server or user.</summary>
/// <param name="scope">What the token is for; empty = by the host's cloud.</param>
/// <param name="time">Decides about expiry.</param>
/// <param name="logger">Told about failing renewals.</param>
/// <param name="create">Makes the credential when the first token is asked for; null = the default chain.</param>
internal sealed class AzureIdentity(string scope, TimeProvider time, ILogger logger, Func<EntraCredential>? create = null) : IdentityProvider
{
    private readonly ConcurrentDictionary<string, TokenCache> _caches = [];
    private readonly Lazy<EntraCredential> _credential = new(create ?? (() => new EntraCredential()), LazyThreadSafetyMode.PublicationOnly);

    public override Func<CancellationToken, ValueTask<string>> PasswordFor(string host, int port, string user)
    {
        var wanted = scope.Length > 0 ? scope : ScopeFor(host);
        return _caches.GetOrAdd(wanted, New).Get;

        TokenCache New(string asked) => new("Microsoft Entra ID", cancellation => Ask(asked, cancellation), time, logger);
    }

    /// <summary>The scope of a cloud's databases, told by the host's domain; the public cloud's for any other name.</summary>
    public static string ScopeFor(string host)
    {
        var domain = "." + host.TrimEnd('.').ToLowerInvariant();
        var cloud = domain switch
        {
            _ when domain.EndsWith(".database.usgovcloudapi.net", StringComparison.Ordinal) => "usgovcloudapi.net",
            _ when domain.EndsWith(".database.chinacloudapi.cn", StringComparison.Ordinal) => "chinacloudapi.cn",
            _ => "windows.net",
        };
        return $"https://ossrdbms-aad.database.{cloud}/.default";
    }

    // Not inlined: whoever compiles this method loads the SDK.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private Task<IdentityToken> Ask(string wanted, CancellationToken cancellationToken) =>
        _credential.Value.Ask(wanted, time, cancellationToken);
}
