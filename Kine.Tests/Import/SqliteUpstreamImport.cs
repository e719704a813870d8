using Kine.Host.Client;
using Kine.Tests.Servers;
using Kine.Tests.Stores;
using Kine.Tests.Wire;
using TempFolder = Kine.Tests.Servers.TempFolder;

namespace Kine.Tests.Import;

/// <summary>The file that upstream kine, or k3s, has kept until now.</summary>
public sealed class SqliteUpstreamImport : UpstreamImportContract, IDisposable
{
    private readonly TempFolder _folder = new();

    protected override string Endpoint => $"sqlite://{Path}";

    private string Path => _folder["state.db"];

    // The name's column was an INTEGER until 0.13: SQLite keeps text in it all the same.
    protected override IReadOnlyList<string> Layouts { get; } = [Layout("name INTEGER"), Layout("name TEXT")];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Defragment_ends_in_a_file_that_cannot_be_vacuumed_in_steps()
    {
        await Run(Layouts[1]);
        await Run(new UpstreamRows(Hex).Many(2, 2000));
        await using var kine = await KineServer.StartOn(Endpoint);
        using var channel = new EtcdChannel(kine.Address);
        var deleted = await channel.Delete(new Etcd.DeleteRangeRequest
        {
            Key = Google.Protobuf.ByteString.CopyFrom(0),
            RangeEnd = Google.Protobuf.ByteString.CopyFrom(0),
        });
        await channel.Compact(deleted.Header.Revision);

        await channel.Maintenance.DefragmentAsync(new Etcd.DefragmentRequest()).ResponseAsync.WaitAsync(TimeSpan.FromSeconds(60));
    }

    protected override string Hex(byte[] value) => $"x'{Convert.ToHexString(value)}'";

    protected override async Task Run(string sql)
    {
        await using var file = RawDatabase.Open(Path);
        file.Run(sql);
    }

    protected override async Task<string> Query(string sql)
    {
        await using var file = RawDatabase.Open(Path);
        return file.Text(sql);
    }

    private static string Layout(string name) =>
        $"""
        PRAGMA journal_mode = WAL;
        CREATE TABLE kine(
            id INTEGER PRIMARY KEY AUTOINCREMENT, {name}, created INTEGER, deleted INTEGER, create_revision INTEGER, prev_revision INTEGER, lease INTEGER,
            value BLOB, old_value BLOB);
        CREATE INDEX kine_name_index ON kine (name);
        CREATE UNIQUE INDEX kine_name_prev_revision_uindex ON kine (name, prev_revision);
        """;
}
