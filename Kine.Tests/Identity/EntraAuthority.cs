using System.Globalization;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Kine.Tests.Identity;

/// <summary>
/// The token endpoint of Microsoft Entra ID for workload identities (client credentials with a federated assertion), over HTTPS on a loopback port.
/// </summary>
public sealed class EntraAuthority : IAsyncDisposable
{
    public const string Tenant = "11111111-2222-3333-4444-555555555555";
    public const string Client = "99999999-8888-7777-6666-555555555555";
    public const string Scope = "https://ossrdbms-aad.database.windows.net/.default";

    private readonly WebApplication _application;
    private readonly List<string> _issued = [];

    private EntraAuthority(WebApplication application) => _application = application;

    /// <summary>What the workload shows.</summary>
    public string Assertion { get; } = Guid.NewGuid().ToString("N");

    /// <summary>Life of the tokens.</summary>
    public TimeSpan Life { get; set; } = TimeSpan.FromHours(1);

    public Uri Address => new(_application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());

    /// <summary>All tokens given out.</summary>
    public IReadOnlyList<string> Issued
    {
        get
        {
            lock (_issued)
            {
                return [.. _issued];
            }
        }
    }

    public static async Task<EntraAuthority> Start(X509Certificate2 certificate)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration().ConfigureKestrel(
            kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.UseHttps(certificate)));
        var application = builder.Build();
        var authority = new EntraAuthority(application);
        application.MapPost($"/{Tenant}/oauth2/v2.0/token", authority.Answer);
        await application.StartAsync();
        return authority;
    }

    private async Task<IResult> Answer(HttpRequest request)
    {
        var form = await request.ReadFormAsync();
        var right = form["grant_type"] == "client_credentials" && form["client_id"] == Client && form["scope"] == Scope
            && form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" && form["client_assertion"] == Assertion;
        if (!right)
            return Results.Json(new { error = "invalid_client", error_description = "AADSTS700016: not known here" }, statusCode: 401);

        lock (_issued)
        {
            _issued.Add(string.Create(CultureInfo.InvariantCulture, $"entra-token-{_issued.Count + 1}-{new string('x', 1500)}"));
            return Results.Json(new { token_type = "Bearer", expires_in = (int)Life.TotalSeconds, access_token = _issued[^1] });
        }
    }

    public async ValueTask DisposeAsync() => await _application.DisposeAsync();
}
