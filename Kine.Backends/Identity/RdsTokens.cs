using System.Globalization;
using System.Text.RegularExpressions;
using Amazon.Runtime;
using Amazon.Runtime.Credentials;
using Amazon.Runtime.Internal;
using Amazon.Runtime.Internal.Auth;
using Amazon.Runtime.Internal.Util;

namespace Kine.Backends.Identity;

/// <summary>
/// Tokens of RDS' IAM database authentication. Each is a GET of <c>https://host:port/?Action=connect&amp;DBUser=user</c>, signed into its
/// query for the service <c>rds-db</c> (AWS Signature Version 4), without the scheme.
/// </summary>
internal sealed partial class RdsTokens(TimeProvider time)
{
    private const string Service = "rds-db";

    // Fixed by RDS; a signature that asks for more is refused.
    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(15);

    // The SDK's default chain: variables, web identity (IRSA), shared profile, the container's endpoint (ECS, EKS Pod Identity), the
    // machine's metadata service. The SDK keeps what it found and renews credentials that expire.
    private readonly DefaultAWSCredentialsIdentityResolver _credentials = new();

    /// <summary>
    /// Signs a token now. Due for renewal at once: signing costs nothing, and every log-in gets the longest life. Throws the SDK's
    /// exceptions.
    /// </summary>
    public async Task<IdentityToken> Create(string host, int port, string user, CancellationToken cancellationToken)
    {
        var found = await _credentials.ResolveIdentityAsync(null, cancellationToken).ConfigureAwait(false);
        var keys = await found.GetCredentialsAsync().ConfigureAwait(false);
        var region = RegionOf(host) ?? FallbackRegionFactory.GetRegionEndpoint(includeInstanceMetadata: true)?.SystemName
            ?? throw new StoreUnavailableException($"the region is unknown: {host} does not name it, and neither do AWS_REGION, the profile or the machine's metadata");
        var now = time.GetUtcNow();
        var expires = now + Lifetime;
        if (found is RefreshingAWSCredentials { Expiration: { } ofKeys } && ofKeys.ToUniversalTime() < expires)
            expires = ofKeys.ToUniversalTime();

        return new IdentityToken(Sign(keys, region, host, port, user, now), expires, now);
    }

    /// <summary>The region in the name of an RDS endpoint; null for any other host.</summary>
    public static string? RegionOf(string host)
    {
        var match = Endpoint().Match(host);
        return match.Success ? match.Groups["region"].Value.ToLowerInvariant() : null;
    }

    // In China the service stands before the region.
    [GeneratedRegex(@"\.(?:(?<region>[^.]+)\.rds|rds\.(?<region>[^.]+))\.amazonaws\.com(?:\.cn)?\.?$", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Endpoint();

    /// <summary>The token itself.</summary>
    public static string Sign(ImmutableCredentials keys, string region, string host, int port, string user, DateTimeOffset now)
    {
        using var request = new DefaultRequest(new Connect(), Service)
        {
            HttpMethod = "GET",
            UseQueryString = true,
            Endpoint = new UriBuilder("https", host, port).Uri,
        };
        request.Parameters.Add("Action", "connect");
        request.Parameters.Add("DBUser", user);
        request.Parameters.Add("X-Amz-Expires", Lifetime.TotalSeconds.ToString(CultureInfo.InvariantCulture));
        if (keys.UseToken)
            request.Parameters.Add("X-Amz-Security-Token", keys.Token);

        var signed = AWS4PreSignedUrlSigner.SignRequest(
            request, null, new RequestMetrics(), keys.AccessKey, keys.SecretKey, Service, region, now.UtcDateTime);
        return $"{AmazonServiceClient.ComposeUrl(request).AbsoluteUri["https://".Length..]}&{signed.ForQueryParameters}";
    }

    // The signer wants some request to belong to.
    private sealed class Connect : AmazonWebServiceRequest;
}
