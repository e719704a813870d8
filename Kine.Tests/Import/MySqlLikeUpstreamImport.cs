using Kine.Tests.Servers;

namespace Kine.Tests.Import;

/// <summary>The database that upstream kine has kept until now in a server that speaks MySQL's protocol.</summary>
public abstract class MySqlLikeUpstreamImport(MySqlLikeServer server) : UpstreamImportContract, IAsyncLifetime
{
    private readonly string _database = MySqlLikeServer.NewDatabase();

    protected override string Endpoint => server.Endpoint(_database);

    protected override IReadOnlyList<string> Layouts { get; } =
    [
        Layout("INTEGER AUTO_INCREMENT", "VARCHAR(630)", "INTEGER"),
        Layout("BIGINT UNSIGNED AUTO_INCREMENT", "VARCHAR(630) CHARACTER SET ascii", "BIGINT UNSIGNED"),
    ];

    public Task InitializeAsync() => server.Run($"CREATE DATABASE {_database} CHARACTER SET utf8mb4");

    public Task DisposeAsync() => Task.CompletedTask;

    protected override string Hex(byte[] value) => $"x'{Convert.ToHexString(value)}'";

    // On standard input: these statements are longer than an argument may be.
    protected override async Task Run(string sql)
    {
        var done = await Command.Run("mariadb", ["--no-defaults", "--user=root", $"--socket={server.Socket}", _database], sql + ";");
        Assert.True(done.ExitCode == 0, done.Errors);
    }

    protected override Task<string> Query(string sql) => server.Run(sql, _database);

    private static string Layout(string id, string name, string revision) =>
        $"""
        CREATE TABLE kine(
            id {id}, name {name}, created INTEGER, deleted INTEGER, create_revision {revision}, prev_revision {revision}, lease INTEGER,
            value MEDIUMBLOB, old_value MEDIUMBLOB, PRIMARY KEY (id));
        CREATE UNIQUE INDEX kine_name_prev_revision_uindex ON kine (name, prev_revision);
        """;
}
