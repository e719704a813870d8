using Kine.Backends;
using Kine.Backends.Endpoints;
using Kine.Backends.MySql;
using Kine.Backends.Stores;
using Npgsql;

namespace Kine.Tests.Identity;

/// <summary>What endpoints mean beside an identity provider: a token never travels in clear text.</summary>
public sealed class IdentityEndpointTests
{
    private static readonly StoreSettings Aws = new() { IdentityProvider = "aws" };

    [Theory]
    [InlineData("", SslMode.Require)]
    [InlineData("?sslmode=allow", SslMode.Require)]
    [InlineData("?sslmode=prefer", SslMode.Require)]
    [InlineData("?sslmode=require", SslMode.Require)]
    [InlineData("?sslmode=verify-ca", SslMode.VerifyCA)]
    [InlineData("?sslmode=verify-full", SslMode.VerifyFull)]
    public void PostgreSQL_is_encrypted_at_least(string parameters, SslMode expected)
    {
        var options = StoreEndpoint.Parse("postgres://kine:ignored@db.abc.eu-central-1.rds.amazonaws.com/db" + parameters, Aws).Postgres!;

        Assert.Equal((expected, null), (options.Connection.SslMode, options.Connection.Password));
        Assert.NotNull(options.PasswordProvider);
    }

    [Theory]
    [InlineData("")]
    [InlineData("?tls=true")]
    public void MySQL_is_encrypted_and_the_server_verified(string parameters)
    {
        var options = StoreEndpoint.Parse("mysql://kine:ignored@tcp(db.abc.eu-central-1.rds.amazonaws.com)/db" + parameters, Aws).MySql!;

        Assert.Equal((MySqlTls.Verify, true, ""), (options.Tls, options.AllowCleartextPasswords, options.Password));
        Assert.NotNull(options.PasswordProvider);
    }

    [Theory]
    [InlineData("postgres://kine@db/db?sslmode=disable", "sslmode=disable cannot go with identity provider aws")]
    [InlineData("postgres://kine@%2Fvar%2Frun%2Fpostgresql/db", "not for a Unix socket")]
    [InlineData("mysql://kine@tcp(db)/db?tls=false", "leave tls at true")]
    [InlineData("mysql://kine@tcp(db)/db?tls=preferred", "leave tls at true")]
    [InlineData("mysql://kine@tcp(db)/db?tls=skip-verify", "leave tls at true")]
    [InlineData("mysql://kine@unix(/run/mysqld.sock)/db", "not for a Unix socket")]
    public void What_would_show_the_token_to_others_is_refused(string endpoint, string reason) =>
        Assert.Contains(reason, Assert.Throws<StoreRefusedException>(() => StoreEndpoint.Parse(endpoint, Aws)).Message, StringComparison.Ordinal);

    [Fact]
    public void Skip_verify_is_for_PostgreSQL_only()
    {
        var unverified = Aws with { SkipVerify = true, CaFile = "ca.pem" };

        Assert.Equal(SslMode.Require, StoreEndpoint.Parse("postgres://kine@db/db", unverified).Postgres!.Connection.SslMode);
        Assert.Throws<StoreRefusedException>(() => StoreEndpoint.Parse("mysql://kine@tcp(db)/db", unverified));
    }

    [Fact]
    public void An_unknown_provider_is_refused() =>
        Assert.Throws<StoreRefusedException>(() => StoreEndpoint.Parse("postgres://kine@db/db", Aws with { IdentityProvider = "gcp" }));

    [Theory]
    [InlineData("postgres://db/db?krb5_keytab=/k&user=kine%40REALM", "kine", "kine@REALM by keytab /k")]
    [InlineData("postgres://kine%40REALM@db/db?krb5_keytab=FILE:/k", "kine", "kine@REALM by keytab /k")]
    [InlineData("postgres://kine@db/db?krb5_ccache", "kine", "kine by credential cache of KRB5CCNAME")]
    [InlineData("postgres://kine@db/db?krb5_ccache=&gssencmode=prefer", "kine", "kine by credential cache of KRB5CCNAME")]
    [InlineData("postgres://kine%40x@db/db", "kine@x", null)]
    public void Kerberos_is_asked_for_by_the_endpoint(string endpoint, string role, string? kerberos)
    {
        var options = StoreEndpoint.Parse(endpoint).Postgres!;

        Assert.Equal((role, kerberos, null), (options.Connection.Username, options.Kerberos?.ToString(), options.Connection.Options));
    }
}
