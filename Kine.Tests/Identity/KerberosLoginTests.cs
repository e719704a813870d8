using Kine.Backends;
using Kine.Backends.Identity;

namespace Kine.Tests.Identity;

public sealed class KerberosLoginTests
{
    [Theory]
    [InlineData(null, null, null, null)]
    [InlineData("", null, null, null)]
    [InlineData("", null, "FILE:", null)]
    [InlineData("/a.keytab", null, null, "kine by keytab /a.keytab")]
    [InlineData("FILE:/a.keytab", null, "/other.keytab", "kine by keytab /a.keytab")]
    [InlineData("", null, "FILE:/b.keytab", "kine by keytab /b.keytab")]
    [InlineData(null, null, "/b.keytab", "kine by keytab /b.keytab")]
    [InlineData(null, "", "/b.keytab", "kine by credential cache of KRB5CCNAME")]
    [InlineData(null, "/cc", null, "kine by credential cache /cc")]
    [InlineData(null, "DIR:/cc", null, "kine by credential cache DIR:/cc")]
    public void Endpoint_goes_before_variable_and_says_where_tickets_come_from(string? keytab, string? cache, string? variable, string? expected) =>
        Assert.Equal(expected, KerberosLogin.From("kine", keytab, cache, name => name == "KRB5_KTNAME" ? variable : null)?.ToString());

    [Fact]
    public void Keytab_and_cache_at_once_are_refused() => Assert.StartsWith(
        "the endpoint has both krb5_keytab and krb5_ccache",
        Assert.Throws<StoreRefusedException>(() => KerberosLogin.From("kine", "", "", _ => null)).Message,
        StringComparison.Ordinal);

    [Theory]
    [InlineData("kine", "kine")]
    [InlineData("kine@KINE.TEST", "kine")]
    [InlineData("svc.kine@EXAMPLE.COM", "svc.kine")]
    public void The_server_sees_the_bare_role(string user, string role) => Assert.Equal(role, KerberosLogin.From(user, "/a.keytab", null, _ => null)!.Role);

    [Theory]
    [InlineData("")]
    [InlineData("@KINE.TEST")]
    [InlineData("kine@")]
    [InlineData("kine@KINE@TEST")]
    public void A_user_that_is_no_principal_is_refused(string user) => Assert.StartsWith(
        $"\"{user}\" is no Kerberos principal",
        Assert.Throws<StoreRefusedException>(() => KerberosLogin.From(user, "/a.keytab", null, _ => null)).Message,
        StringComparison.Ordinal);
}
