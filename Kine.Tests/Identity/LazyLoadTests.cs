using Kine.Host.Client;
using Kine.Tests.Servers;
using Kine.Tests.Wire;

namespace Kine.Tests.Identity;

public sealed class LazyLoadTests
{
    [Fact]
    public async Task A_server_on_SQLite_loads_nothing_of_other_stores_of_the_clouds_and_of_Kerberos()
    {
        await using var kine = await KineServer.StartNew();
        using (var channel = new EtcdChannel(kine.Address))
        {
            await channel.Put("key", "value");
        }

        var loaded = await File.ReadAllTextAsync($"/proc/{kine.Process.Pid}/maps");

        Assert.Contains("Kine.Backends.dll", loaded, StringComparison.Ordinal);
        Assert.All(
            ["Npgsql", "MySqlConnector", "NATS.", "AWSSDK", "Azure.", "Microsoft.Identity", "System.ClientModel", "krb5", "gssapi"],
            name => Assert.DoesNotContain(name, loaded, StringComparison.OrdinalIgnoreCase));
    }
}
