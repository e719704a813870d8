using Amazon.Runtime;
using Amazon.Runtime.Credentials;

namespace Kine.Backends.Identity;

/// <summary>
/// The SDK's default credential chain: variables, web identity (IRSA), shared profile, the container's endpoint (ECS, EKS Pod Identity), the machine's metadata
/// service. The SDK keeps what it found and renews credentials that expire.
/// </summary>
internal sealed class AwsCredentialChain
{
    private readonly DefaultAWSCredentialsIdentityResolver _resolver = new();

    /// <summary>The keys of this moment and, where it is known, when they expire. Throws the SDK's exceptions.</summary>
    public async Task<(ImmutableCredentials Keys, DateTimeOffset? Expires)> Find(CancellationToken cancellationToken)
    {
        var found = await _resolver.ResolveIdentityAsync(null, cancellationToken).ConfigureAwait(false);
        var keys = await found.GetCredentialsAsync().ConfigureAwait(false);
        return (keys, found is RefreshingAWSCredentials { Expiration: { } expiration } ? new DateTimeOffset(expiration.ToUniversalTime()) : null);
    }

    /// <summary>The region that variables, profile or metadata service name; null = none does.</summary>
    public static string? Region => FallbackRegionFactory.GetRegionEndpoint(includeInstanceMetadata: true)?.SystemName;
}
