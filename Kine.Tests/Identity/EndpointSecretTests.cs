using Kine.Backends;
using Kine.Backends.Stores;

namespace Kine.Tests.Identity;

/// <summary>A password in an endpoint is never repeated, also where the endpoint is wrong and the password ends up in another part of it.</summary>
public sealed class EndpointSecretTests
{
    [Theory]
    [InlineData("kine:MARKER@localhost:5432/db")]
    [InlineData("kine:MARKER://localhost:5432/db")]
    [InlineData("postgres:kine:MARKER@localhost:5432/db")]
    [InlineData("postgress://kine:MARKER@localhost:5432/db")]
    [InlineData("http://kine:MARKER@localhost:5432")]
    [InlineData("postgres://kine:MARKER@localhost:port/db")]
    [InlineData("postgres://kine:MARKER/x@localhost:5432/db")]
    [InlineData("postgres://kine:1/MARKER@localhost:5432/db")]
    [InlineData("postgres://kine:1?MARKER@localhost:5432/db")]
    [InlineData("postgres://kine:1?x=1&MARKER@localhost:5432/db")]
    [InlineData("postgres://kine:MARKER%zz@localhost:5432/db")]
    [InlineData("postgres://kine:x@localhost:5432/db?password=MARKER;1")]
    [InlineData("postgres://kine:x@localhost:5432/db?password=MARKER%1")]
    [InlineData("postgres://kine:MARKER@localhost:5432/db?sslmode=never")]
    [InlineData("postgres://kine:MARKER@localhost:5432/db?krb5_keytab=k&krb5_ccache=c")]
    [InlineData("mysql://kine:MARKER@localhost/db")]
    [InlineData("mysql://kine:MARKER@tcp(localhost:3306)")]
    [InlineData("mysql://kine:MARKER@tcp(localhost:port)/db")]
    [InlineData("mysql://kine:MARKER@tcp(localhost:3306/db")]
    [InlineData("mysql://kine:MARKER@udp(localhost:3306)/db")]
    [InlineData("mysql://kine:1/MARKER@tcp(localhost:3306)")]
    [InlineData("mysql://kine:MARKER@tcp(localhost:3306)/db?tls=never")]
    [InlineData("mysql://kine:MARKER/db")]
    [InlineData("nats://kine:MARKER@localhost:port?bucket=kine")]
    [InlineData("nats://kine:MARKER@localhost:4222?replicas=9")]
    [InlineData("nats://kine:MARKER@localhost:4222?bucket=a.b")]
    [InlineData("nats://kine:1/MARKER@localhost:4222?bucket=a.b")]
    [InlineData("nats://kine:x@localhost,http://kine:MARKER@localhost")]
    public void A_wrong_endpoint_is_refused_without_its_password(string endpoint)
    {
        var refusal = Assert.Throws<StoreRefusedException>(() => StoreEndpoint.Parse(endpoint));

        Assert.DoesNotContain("MARKER", refusal.ToString(), StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("postgres://kine:MARKER@localhost:5432/db?sslpassword=MARKER")]
    [InlineData("postgres://kine@localhost:5432/db?password=MARKER")]
    [InlineData("mysql://kine:MARKER@tcp(localhost:3306)/db")]
    public async Task A_store_tells_its_place_without_the_password(string text)
    {
        var endpoint = StoreEndpoint.Parse(text);
        await using var store = endpoint.Create();

        Assert.DoesNotContain("MARKER", $"{store.Description} {endpoint.Postgres} {endpoint.MySql}", StringComparison.OrdinalIgnoreCase);
    }
}
