using Kine.Host.Client;
using Kine.Tests.Servers;
using Kine.Tests.Wire;

namespace Kine.Tests.Identity;

/// <summary>What a server process prints, answers and measures while its log-ins fail holds no part of its secrets.</summary>
[Collection(LoginCollection.Name)]
public sealed class SecretsTests(LoginFixture servers)
{
    private const string Marker = "MaRkEr-0f-a-secret";
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    [Theory]
    [InlineData("plain")]
    [InlineData("json")]
    public async Task A_password_that_PostgreSQL_refuses(string format)
    {
        var user = $"secret_{format}";
        await servers.Postgres.Query("postgres", $"CREATE ROLE {user} LOGIN CREATEDB PASSWORD '{Marker}'");
        var endpoint = servers.PostgresEndpoint($"{user}:{Marker}", "sslmode=disable").Replace("localhost", "127.0.0.1", StringComparison.Ordinal);

        await FailsInSilence(endpoint, format, [Marker], async () =>
        {
            await servers.Postgres.Query("postgres", $"ALTER ROLE {user} PASSWORD 'changed'");
            await servers.Postgres.CloseSessions(user);
        });
    }

    [Theory]
    [InlineData("plain")]
    [InlineData("json")]
    public async Task A_password_that_MariaDB_refuses(string format)
    {
        var user = $"secret_{format}";
        await servers.MariaDb.Run($"CREATE USER {user}@'%' IDENTIFIED BY '{Marker}'; GRANT ALL ON *.* TO {user}@'%'");

        await FailsInSilence(servers.MariaDbEndpoint($"{user}:{Marker}"), format, [Marker], async () =>
        {
            await servers.MariaDb.Run($"ALTER USER {user}@'%' IDENTIFIED BY 'changed'");
            await servers.MariaDb.Run($"KILL CONNECTION USER {user}");
        });
    }

    [Fact]
    public async Task Keys_and_tokens_of_AWS_that_PostgreSQL_refuses()
    {
        var accepts = true;
        servers.Ldap.Check = (_, _) => accepts;
        var endpoint = servers.PostgresEndpoint(LoginFixture.TokenUser, $"sslmode=verify-full&sslrootcert={servers.CaFile}");
        var variables = new Dictionary<string, string>
        {
            ["AWS_ACCESS_KEY_ID"] = "AKIDEXAMPLE",
            ["AWS_SECRET_ACCESS_KEY"] = Marker,
            ["AWS_SESSION_TOKEN"] = Marker,
            ["AWS_REGION"] = "eu-central-1",
        };

        await FailsInSilence(endpoint, "plain", [Marker, "X-Amz-", "AKIDEXAMPLE"], async () =>
        {
            accepts = false;
            await servers.Postgres.CloseSessions(LoginFixture.TokenUser);
        }, variables, "--identity-provider", "aws");
    }

    [Fact]
    public async Task The_help_shows_defaults_and_never_what_the_variables_hold()
    {
        var variables = new Dictionary<string, string> { ["KINE_ENDPOINT"] = $"postgres://kine:{Marker}@localhost/db", ["PGPASSWORD"] = Marker };

        var help = await Command.Run(TestTools.Kine, ["--help"], within: Limit, environment: variables);

        Assert.Contains("KINE_ENDPOINT", help.Output, StringComparison.Ordinal);
        Assert.DoesNotContain(Marker, help.Output + help.Errors, StringComparison.Ordinal);
    }

    // Log-ins fail in a server that runs, and then in one that starts.
    private static async Task FailsInSilence(
        string endpoint, string format, string[] secrets, Func<Task> lockOut, Dictionary<string, string>? variables = null, params string[] flags)
    {
        await using var kine = KineServer.On(endpoint, ["--log-format", format, "--debug", .. flags]);
        kine.MetricsAddress = $"127.0.0.1:{FreePort.Next()}";
        foreach ((var name, var value) in variables ?? [])
            kine.Variables[name] = value;

        await kine.Start();
        var told = new List<string>();
        using var channel = new EtcdChannel(kine.Address);
        await channel.Put("key", "value");
        await lockOut();

        var deadline = DateTime.UtcNow + Limit;
        while (told.Count < 3 && DateTime.UtcNow < deadline && !kine.HasEnded)
        {
            try
            {
                await channel.Put("key", "value");
                await Task.Delay(20);
            }
            catch (RpcException error)
            {
                told.Add(error.ToString());
            }
        }
        Assert.NotEmpty(told);
        if (!kine.HasEnded)
        {
            using var http = new HttpClient();
            told.Add(await http.GetStringAsync($"http://{kine.MetricsAddress}/metrics"));
        }
        told.Add(kine.Process.Output);
        await kine.Process.Kill();

        var start = await Command.Run(TestTools.Kine, kine.Arguments, within: Limit, environment: kine.Variables);
        Assert.NotEqual(0, start.ExitCode);
        Assert.NotEqual("", start.Errors);
        told.Add(start.Output);
        told.Add(start.Errors);
        Assert.All(secrets, secret => Assert.All(told, text => Assert.False(text.Contains(secret, StringComparison.OrdinalIgnoreCase), text)));
    }
}
