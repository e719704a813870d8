using System.Reflection;
using Kine.Backends;
using Kine.Grains;
using Kine.Host.Cli;

namespace Kine.Tests.Rooms;

/// <summary>Inside each project references run one way, from later rooms to earlier ones.</summary>
public class RoomTests
{
    [Fact]
    public void Stores_see_the_contract_and_not_each_other() => Check(
        typeof(IRevisionStore).Assembly,
        new RoomOrder("Kine.Backends", ".", "Upstream", "Endpoints", "Tls", "Identity", "Sql", "Memory MySql Nats Postgres Sqlite", "Stores"));

    [Fact]
    public void Rooms_of_the_keyspace_do_not_look_back() => Check(
        typeof(EtcdErrors).Assembly,
        new RoomOrder(
            "Kine.Grains",
            ".",
            "Index",
            "Values",
            "Reads",
            "Requests",
            "Watch",
            "SideState",
            "Fencing",
            "Following",
            "Writing",
            "Bolt",
            "Snapshots",
            "Import",
            "Cluster",
            "Hosting"));

    [Fact]
    public void Rooms_of_the_program_do_not_look_back() => Check(
        typeof(KineCommand).Assembly,
        new RoomOrder("Kine.Host", "Cli", "Logging", "Metrics", "Client", "Grpc", "Services", "Web", "Hosting", "Bench", "Transfer", "."));

    private static void Check(Assembly assembly, RoomOrder order)
    {
        var back = order.ArrowsBack(assembly).Select(arrow => $"{arrow.Key}: {string.Join(", ", arrow.Value)}");
        Assert.True(!back.Any(), string.Join('\n', back));
    }
}
