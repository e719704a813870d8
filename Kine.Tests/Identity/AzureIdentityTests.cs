using Azure.Core;
using Kine.Backends.Identity;

namespace Kine.Tests.Identity;

public sealed class AzureIdentityTests
{
    private static readonly DateTimeOffset Now = new(2026, 3, 4, 5, 6, 7, TimeSpan.Zero);

    [Theory]
    [InlineData("kine.postgres.database.azure.com", "https://ossrdbms-aad.database.windows.net/.default")]
    [InlineData("kine.mysql.database.azure.com", "https://ossrdbms-aad.database.windows.net/.default")]
    [InlineData("kine.mysql.database.usgovcloudapi.net", "https://ossrdbms-aad.database.usgovcloudapi.net/.default")]
    [InlineData("KINE.POSTGRES.DATABASE.CHINACLOUDAPI.CN.", "https://ossrdbms-aad.database.chinacloudapi.cn/.default")]
    [InlineData("10.0.0.4", "https://ossrdbms-aad.database.windows.net/.default")]
    public void The_scope_is_the_one_of_the_cloud_that_the_host_is_in(string host, string scope) => Assert.Equal(scope, AzureIdentity.ScopeFor(host));

    [Theory]
    [InlineData(24 * 60, null, 24 * 60 - 10)]
    [InlineData(60, null, 50)]
    [InlineData(8, null, 4)]
    [InlineData(60, 30, 30)]
    public void A_token_is_renewed_when_its_service_says_so_or_well_before_it_expires(int lifeMinutes, int? refreshMinutes, int renewMinutes)
    {
        DateTimeOffset? refresh = refreshMinutes is { } minutes ? Now.AddMinutes(minutes) : null;

        var token = EntraCredential.ToToken(new AccessToken("secret", Now.AddMinutes(lifeMinutes), refresh), Now);

        Assert.Equal(("secret", Now.AddMinutes(lifeMinutes), Now.AddMinutes(renewMinutes)), (token.Value, token.Expires, token.RenewFrom));
    }
}
