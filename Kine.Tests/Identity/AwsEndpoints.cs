using System.Globalization;
using System.Net;
using System.Text;
using System.Web;
using Kine.Tests.Servers;

namespace Kine.Tests.Identity;

/// <summary>
/// The endpoints of AWS that give credentials: a container's (ECS, EKS Pod Identity) and STS' AssumeRoleWithWebIdentity, over plain HTTP on a loopback port.
/// </summary>
public sealed class AwsEndpoints : IDisposable
{
    public const string AccessKey = "AKIAIOSFODNN7EXAMPLE";
    public const string SecretKey = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    public const string SessionToken = "AQoDYXdzEJr1K//////////wEaoAK+1wvZ==";
    public const string Role = "arn:aws:iam::123456789012:role/kine";

    private readonly HttpListener _listener = new();
    private readonly List<string> _asked = [];

    public AwsEndpoints()
    {
        _listener.Prefixes.Add(Address);
        _listener.Start();
        _ = Serve();
    }

    public string Address { get; } = $"http://127.0.0.1:{FreePort.Next()}/";

    /// <summary>What a container shows to get credentials.</summary>
    public string ContainerToken { get; } = Guid.NewGuid().ToString("N");

    /// <summary>What a pod shows to STS.</summary>
    public string WebToken { get; } = Guid.NewGuid().ToString("N");

    /// <summary>True = everything is answered with an error.</summary>
    public bool Refuses { get; set; }

    /// <summary>Which services gave credentials.</summary>
    public IReadOnlyList<string> Asked
    {
        get
        {
            lock (_asked)
            {
                return [.. _asked];
            }
        }
    }

    private async Task Serve()
    {
        try
        {
            while (true)
            {
                var call = await _listener.GetContextAsync();
                using var reader = new StreamReader(call.Request.InputStream);
                (var status, var type, var body) = Answer(call.Request, await reader.ReadToEndAsync());
                call.Response.StatusCode = status;
                call.Response.ContentType = type;
                await call.Response.OutputStream.WriteAsync(Encoding.UTF8.GetBytes(body));
                call.Response.Close();
            }
        }
        catch (Exception) when (!_listener.IsListening)
        {
            // The test is over.
        }
    }

    private (int Status, string Type, string Body) Answer(HttpListenerRequest request, string body)
    {
        var expires = DateTime.UtcNow.AddHours(1).ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);
        if (Refuses)
            return (403, "application/json", """{"code":"AccessDenied","message":"not for you"}""");

        if (request is { HttpMethod: "GET", RawUrl: "/credentials" } && request.Headers["Authorization"] == ContainerToken)
        {
            Note("container");
            return (200, "application/json",
                $$"""{"AccessKeyId":"{{AccessKey}}","SecretAccessKey":"{{SecretKey}}","Token":"{{SessionToken}}","Expiration":"{{expires}}"}""");
        }
        var form = HttpUtility.ParseQueryString(body);
        if (form["Action"] == "AssumeRoleWithWebIdentity" && form["WebIdentityToken"] == WebToken && form["RoleArn"] == Role)
        {
            Note("sts");
            return (200, "text/xml", $"""
                <AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult>
                <Credentials><AccessKeyId>{AccessKey}</AccessKeyId><SecretAccessKey>{SecretKey}</SecretAccessKey>
                <SessionToken>{SessionToken}</SessionToken><Expiration>{expires}</Expiration></Credentials>
                <AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/kine/kine</Arn><AssumedRoleId>ARO123EXAMPLE123:kine</AssumedRoleId></AssumedRoleUser>
                </AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>
                """);
        }
        return (400, "text/plain", "this is not a request the test expects");
    }

    private void Note(string service)
    {
        lock (_asked)
        {
            _asked.Add(service);
        }
    }

    public void Dispose() => _listener.Close();
}
