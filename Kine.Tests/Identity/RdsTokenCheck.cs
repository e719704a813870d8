using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Kine.Tests.Identity;

/// <summary>
/// What a server of RDS looks at in a token, after AWS' description of Signature Version 4 (signature in the query): its fields, its age and the signature.
/// </summary>
public sealed class RdsTokenCheck
{
    private const string Algorithm = "AWS4-HMAC-SHA256";

    private RdsTokenCheck(string address, IReadOnlyDictionary<string, string> fields)
    {
        Address = address;
        Fields = fields;
    }

    /// <summary>host:port that the token is for.</summary>
    public string Address { get; }

    /// <summary>The parameters, decoded.</summary>
    public IReadOnlyDictionary<string, string> Fields { get; }

    public DateTime Signed => DateTime.ParseExact(
        Fields["X-Amz-Date"], "yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal);

    public DateTime Expires => Signed.AddSeconds(int.Parse(Fields["X-Amz-Expires"], CultureInfo.InvariantCulture));

    public static RdsTokenCheck Parse(string token)
    {
        var mark = token.IndexOf('?');
        Assert.True(mark > 0 && token[mark - 1] == '/', "the token is host:port/?parameters");
        var fields = token[(mark + 1)..].Split('&').Select(pair => pair.Split('=')).ToDictionary(pair => pair[0], pair => Uri.UnescapeDataString(pair[1]));
        return new RdsTokenCheck(token[..(mark - 1)], fields);
    }

    /// <summary>The signature that the fields must carry.</summary>
    public string Signature(string secretKey, string region)
    {
        var day = Fields["X-Amz-Date"][..8];
        var scope = $"{day}/{region}/rds-db/aws4_request";
        var parameters = Fields.Where(field => field.Key != "X-Amz-Signature")
            .Select(field => $"{Encode(field.Key)}={Encode(field.Value)}").Order(StringComparer.Ordinal);
        var request = string.Join('\n', "GET", "/", string.Join('&', parameters), $"host:{Address}", "", "host", Hash(""));
        var toSign = string.Join('\n', Algorithm, Fields["X-Amz-Date"], scope, Hash(request));
        var key = Encoding.UTF8.GetBytes("AWS4" + secretKey);
        foreach (var part in new[] { day, region, "rds-db", "aws4_request" })
            key = HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(part));

        return Convert.ToHexStringLower(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(toSign)));
    }

    private static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    // RFC 3986: all but letters, digits, '-', '.', '_' and '~'.
    private static string Encode(string text) => string.Concat(Encoding.UTF8.GetBytes(text)
        .Select(b => char.IsAsciiLetterOrDigit((char)b) || "-._~".Contains((char)b) ? $"{(char)b}" : $"%{b:X2}"));
}
