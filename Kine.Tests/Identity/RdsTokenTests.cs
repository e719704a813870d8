using Amazon.Runtime;
using Kine.Backends.Identity;

namespace Kine.Tests.Identity;

public sealed class RdsTokenTests
{
    private static readonly DateTimeOffset Now = new(2026, 3, 4, 5, 6, 7, TimeSpan.Zero);

    [Theory]
    [InlineData("db.abc123.eu-central-1.rds.amazonaws.com", 5432, "eu-central-1", "kine", "")]
    [InlineData("db.cluster-abc123.us-gov-west-1.rds.amazonaws.com", 3306, "us-gov-west-1", "kine", "AQoDYXdzEJr/+==~")]
    [InlineData("localhost", 13306, "ap-south-2", "ki ne+&=ü@x/y", "session/+=")]
    public void A_token_has_the_fields_of_a_signed_connect_and_the_signature_of_SigV4(string host, int port, string region, string user, string session)
    {
        const string Secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
        var keys = new ImmutableCredentials("AKIDEXAMPLE", Secret, session.Length > 0 ? session : null);

        var token = RdsTokens.Sign(keys, region, host, port, user, Now);

        var check = RdsTokenCheck.Parse(token);
        Assert.Equal($"{host}:{port}", check.Address);
        var fields = new Dictionary<string, string>
        {
            ["Action"] = "connect",
            ["DBUser"] = user,
            ["X-Amz-Algorithm"] = "AWS4-HMAC-SHA256",
            ["X-Amz-Credential"] = $"AKIDEXAMPLE/20260304/{region}/rds-db/aws4_request",
            ["X-Amz-Date"] = "20260304T050607Z",
            ["X-Amz-Expires"] = "900",
            ["X-Amz-SignedHeaders"] = "host",
            ["X-Amz-Signature"] = check.Signature(Secret, region),
        };
        if (session.Length > 0)
            fields.Add("X-Amz-Security-Token", session);

        Assert.Equal(fields.OrderBy(field => field.Key), check.Fields.OrderBy(field => field.Key));
        Assert.DoesNotContain(Secret, token, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("db.abc123.eu-central-1.rds.amazonaws.com", "eu-central-1")]
    [InlineData("DB.ABC123.EU-CENTRAL-1.RDS.AMAZONAWS.COM.", "eu-central-1")]
    [InlineData("db.cluster-ro-abc123.us-east-1.rds.amazonaws.com", "us-east-1")]
    [InlineData("db.proxy-abc123.us-iso-east-1.rds.amazonaws.com", "us-iso-east-1")]
    [InlineData("db.abc123.cn-north-1.rds.amazonaws.com.cn", "cn-north-1")]
    [InlineData("db.abc123.rds.cn-northwest-1.amazonaws.com.cn", "cn-northwest-1")]
    [InlineData("db.example.com", null)]
    [InlineData("rds.amazonaws.com", null)]
    [InlineData("eu-central-1.rds.amazonaws.com.example.com", null)]
    [InlineData("127.0.0.1", null)]
    public void The_region_is_taken_from_the_name_of_an_RDS_endpoint(string host, string? region) =>
        Assert.Equal(region, RdsTokens.RegionOf(host));
}
