using Azure.Core;
using Azure.Identity;

namespace Kine.Backends.Identity;

/// <summary>
/// The SDK's default credential chain: variables, workload identity (AKS), managed identity, and on developers' machines what they are logged in with. The
/// variables AZURE_CLIENT_ID, AZURE_TENANT_ID, AZURE_FEDERATED_TOKEN_FILE, AZURE_AUTHORITY_HOST and AZURE_TOKEN_CREDENTIALS are the SDK's.
/// </summary>
/// <param name="configure">Changes the SDK's settings, for tests.</param>
internal sealed class EntraCredential(Action<DefaultAzureCredentialOptions>? configure = null)
{
    private static readonly TimeSpan Lead = TimeSpan.FromMinutes(10);
    private readonly DefaultAzureCredential _chain = new(Options(configure));

    /// <summary>A new token, or the one that the SDK still holds. Throws the SDK's exceptions.</summary>
    public async Task<IdentityToken> Ask(string scope, TimeProvider time, CancellationToken cancellationToken)
    {
        var token = await _chain.GetTokenAsync(new TokenRequestContext([scope]), cancellationToken).ConfigureAwait(false);
        return ToToken(token, time.GetUtcNow());
    }

    /// <summary>Due for renewal when the service says so, else ten minutes before it expires, or half way where its life is short.</summary>
    public static IdentityToken ToToken(AccessToken token, DateTimeOffset now)
    {
        var half = (token.ExpiresOn - now) / 2;
        return new IdentityToken(token.Token, token.ExpiresOn, token.RefreshOn ?? token.ExpiresOn - (half < Lead ? half : Lead));
    }

    private static DefaultAzureCredentialOptions Options(Action<DefaultAzureCredentialOptions>? configure)
    {
        var options = new DefaultAzureCredentialOptions();
        configure?.Invoke(options);
        return options;
    }
}
