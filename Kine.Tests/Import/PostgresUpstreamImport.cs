using Kine.Tests.Stores.Postgres;

namespace Kine.Tests.Import;

/// <summary>The database that upstream kine has kept until now.</summary>
[Collection(PostgresCollection.Name)]
public sealed class PostgresUpstreamImport(PostgresFixture fixture) : UpstreamImportContract, IAsyncLifetime
{
    private readonly string _database = $"import_{Guid.NewGuid():n}";

    protected override string Endpoint => fixture.Server.Endpoint(_database);

    protected override IReadOnlyList<string> Layouts { get; } = [Layout("SERIAL", "VARCHAR(630)", "INTEGER"), Layout("BIGSERIAL", "text COLLATE \"C\"", "BIGINT")];

    public Task InitializeAsync() => fixture.Server.Query("postgres", $"CREATE DATABASE {_database}");

    public Task DisposeAsync() => Task.CompletedTask;

    protected override string Hex(byte[] value) => $"'\\x{Convert.ToHexString(value)}'";

    protected override Task Run(string sql) => fixture.Server.Query(_database, sql);

    protected override async Task<string> Query(string sql) => (await fixture.Server.Query(_database, sql))!.ToString()!;

    private static string Layout(string id, string name, string revision) =>
        $"""
        CREATE TABLE kine(
            id {id} PRIMARY KEY, name {name}, created INTEGER, deleted INTEGER, create_revision {revision}, prev_revision {revision}, lease INTEGER,
            value bytea, old_value bytea);
        CREATE UNIQUE INDEX kine_name_prev_revision_uindex ON kine (name, prev_revision);
        """;
}
