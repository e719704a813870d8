using Kine.Host.Client;
using Kine.Tests.Servers;
using Kine.Tests.Wire;

namespace Kine.Tests.Identity;

/// <summary>
/// The server as a process, on a PostgreSQL that lets its user in by tokens only, each of them checked as RDS would: user, host, age and signature.
/// </summary>
[Collection(LoginCollection.Name)]
public sealed class AwsLoginTests(LoginFixture servers) : IDisposable
{
    private const string Region = "eu-central-1";
    private readonly AwsEndpoints _aws = new();
    private readonly TempFolder _folder = new();
    private readonly List<string> _wrong = [];

    [Theory]
    [InlineData("variables")]
    [InlineData("profile")]
    [InlineData("container")]
    [InlineData("sts")]
    public async Task Every_log_in_is_by_a_valid_token_of_the_default_credential_chain(string source)
    {
        var session = source is "container" or "sts";
        servers.Ldap.Forget();
        servers.Ldap.Check = (user, token) => IsValid(user, token, session);
        await using var kine = On($"sslmode=verify-full&sslrootcert={servers.CaFile}");
        foreach ((var name, var value) in await Variables(source))
            kine.Variables[name] = value;

        await kine.Start();
        using var channel = new EtcdChannel(kine.Address);
        await channel.Put("key", "value");
        var before = servers.Ldap.Seen.Count;
        await servers.Postgres.CloseSessions(LoginFixture.TokenUser);
        await WritesAgain(kine, channel);

        Assert.Empty(_wrong);
        Assert.InRange(before, 1, int.MaxValue);
        Assert.InRange(servers.Ldap.Seen.Count, before + 1, int.MaxValue);
        Assert.Equal(session ? [source] : [], _aws.Asked.Distinct());
        Assert.Contains("AWSSDK.Core", await File.ReadAllTextAsync($"/proc/{kine.Process.Pid}/maps"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_credentials_the_server_says_so_in_one_sentence()
    {
        _aws.Refuses = true;
        var kine = On($"sslmode=verify-full&sslrootcert={servers.CaFile}");
        foreach ((var name, var value) in await Variables("container"))
            kine.Variables[name] = value;

        var done = await Command.Run(TestTools.Kine, kine.Arguments, within: TimeSpan.FromMinutes(2), environment: kine.Variables);

        var output = done.Output + done.Errors;
        Assert.NotEqual(0, done.ExitCode);
        Assert.True(output.Contains("AWS gave no token: ", StringComparison.Ordinal), output);
        Assert.False(output.Contains("   at ", StringComparison.Ordinal), output);
        Assert.False(output.Contains(_aws.ContainerToken, StringComparison.Ordinal), output);
    }

    [Fact]
    public async Task A_server_whose_certificate_is_wrong_gets_no_token()
    {
        servers.Ldap.Forget();
        using var folder = new TempFolder();
        using var other = new Grpc.TestCa(folder.FullName);
        var kine = On($"sslmode=verify-full&sslrootcert={other.File}");
        foreach ((var name, var value) in await Variables("variables"))
            kine.Variables[name] = value;

        var done = await Command.Run(TestTools.Kine, kine.Arguments, within: TimeSpan.FromMinutes(2), environment: kine.Variables);

        Assert.NotEqual(0, done.ExitCode);
        Assert.Empty(servers.Ldap.Seen);
    }

    private KineServer On(string parameters) =>
        KineServer.On(servers.PostgresEndpoint(LoginFixture.TokenUser, parameters), "--identity-provider", "aws");

    // Nothing of the machine's own may be found.
    private async Task<Dictionary<string, string>> Variables(string source)
    {
        var variables = new Dictionary<string, string>
        {
            ["AWS_EC2_METADATA_DISABLED"] = "true",
            ["AWS_REGION"] = Region,
            ["AWS_SHARED_CREDENTIALS_FILE"] = _folder["credentials"],
            ["AWS_CONFIG_FILE"] = _folder["config"],
        };
        switch (source)
        {
            case "variables":
                variables["AWS_ACCESS_KEY_ID"] = AwsEndpoints.AccessKey;
                variables["AWS_SECRET_ACCESS_KEY"] = AwsEndpoints.SecretKey;
                break;
            case "profile":
                await File.WriteAllTextAsync(
                    _folder["credentials"], $"[default]\naws_access_key_id={AwsEndpoints.AccessKey}\naws_secret_access_key={AwsEndpoints.SecretKey}\n");
                break;
            case "container":
                variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = _aws.Address + "credentials";
                variables["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = _aws.ContainerToken;
                break;
            case "sts":
                await File.WriteAllTextAsync(_folder["web"], _aws.WebToken);
                variables["AWS_ENDPOINT_URL_STS"] = _aws.Address;
                variables["AWS_WEB_IDENTITY_TOKEN_FILE"] = _folder["web"];
                variables["AWS_ROLE_ARN"] = AwsEndpoints.Role;
                break;
        }
        return variables;
    }

    private bool IsValid(string user, string password, bool session)
    {
        var token = RdsTokenCheck.Parse(password);
        var now = DateTime.UtcNow;
        var wrong = token switch
        {
            _ when user != LoginFixture.TokenUser || token.Fields["DBUser"] != user => "user",
            _ when token.Address != $"localhost:{servers.Postgres.Port}" => "address",
            _ when token.Signed > now.AddSeconds(1) || token.Expires <= now || token.Expires > now.AddMinutes(15) => "time",
            _ when !token.Fields["X-Amz-Credential"].StartsWith($"{AwsEndpoints.AccessKey}/", StringComparison.Ordinal) => "key",
            _ when token.Fields.GetValueOrDefault("X-Amz-Security-Token") != (session ? AwsEndpoints.SessionToken : null) => "session",
            _ when token.Fields["X-Amz-Signature"] != token.Signature(AwsEndpoints.SecretKey, Region) => "signature",
            _ => null,
        };
        if (wrong is not null)
            _wrong.Add(wrong);

        return wrong is null;
    }

    private static async Task WritesAgain(KineServer kine, EtcdChannel channel)
    {
        var deadline = DateTime.UtcNow + TimeSpan.FromSeconds(60);
        while (true)
        {
            try
            {
                await channel.Put("key", "again");
                return;
            }
            catch (RpcException error) when (error.StatusCode == StatusCode.Unavailable && DateTime.UtcNow < deadline)
            {
                Assert.False(kine.HasEnded, kine.Process.Output);
                await Task.Delay(50);
            }
        }
    }

    public void Dispose()
    {
        _aws.Dispose();
        _folder.Dispose();
    }
}
