using System.Buffers;
using System.Globalization;
using System.Text;
using Kine.Backends;
using Kine.Backends.Sqlite;
using Kine.Grains.Bolt;
using Kine.Grains.Import;
using Kine.Grains.Reads;
using Kine.Grains.Snapshots;
using Kine.Grains.Values;
using Kine.Host.Client;
using Kine.Tests.Grains;
using Kine.Tests.Servers;
using Kine.Tests.Wire;

namespace Kine.Tests.Snapshots;

/// <summary>A restore that ends in the middle, and what may and may not happen to its store then.</summary>
public sealed class InterruptedRestoreTests : IDisposable
{
    private const int Records = 30_000;
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(0, false)]
    [InlineData(1, false)]
    [InlineData(3, false)]
    [InlineData(3, true)] // the append landed, but its answer was lost
    [InlineData(5, true)]
    public async Task Begun_again_it_ends_as_if_nothing_had_happened(int appends, bool landed)
    {
        using var file = Snapshot("a");
        await Interrupt(file, appends, landed);
        var whole = await Restore(file, _folder["whole.db"]);

        var summary = await Restore(file, _folder["cut.db"]);

        Assert.Equal(whole with { Resumed = summary.Resumed }, summary);
        Assert.Equal(Records, summary.Records);
        Assert.Equal(appends > 1 || landed, summary.Resumed > 1);
        Assert.Equal(await Content(_folder["whole.db"]), await Content(_folder["cut.db"]));
    }

    [Fact]
    public async Task Another_file_is_refused()
    {
        using var file = Snapshot("a");
        using var other = Snapshot("b");
        await Interrupt(file, 3, landed: false);

        var refused = await Assert.ThrowsAsync<StoreRefusedException>(() => Restore(other, _folder["cut.db"]));

        Assert.Contains("unfinished import", refused.Message, StringComparison.Ordinal);
        await Restore(file, _folder["cut.db"]);
    }

    [Fact]
    public async Task A_source_that_has_changed_since_is_refused()
    {
        using var file = Snapshot("a");
        using var other = Snapshot("b");
        await Interrupt(file, 3, landed: false, identity: "a server");
        await using var store = Open(_folder["cut.db"]);
        await store.Open(default);

        var refused = await Assert.ThrowsAsync<ImportException>(
            () => HistoryImport.Run(new SnapshotSource(other, "a server", "a server"), store, TimeProvider.System, _ => { }, default));

        Assert.Contains("no longer what", refused.Message, StringComparison.Ordinal);
        await HistoryImport.Run(new SnapshotSource(file, "a server", "a server"), store, TimeProvider.System, _ => { }, default);
    }

    [Fact]
    public async Task A_server_does_not_start_on_half_of_a_store()
    {
        using var file = Snapshot("a");
        await Interrupt(file, 3, landed: false);

        var refused = await SnapshotTools.KineRefuses(
            "--endpoint", $"sqlite://{_folder["cut.db"]}", "--listen-address", $"127.0.0.1:{FreePort.Next()}", "--metrics-bind-address", "0");
        Assert.Contains("unfinished import", refused, StringComparison.Ordinal);

        await Restore(file, _folder["cut.db"]);
        await using var server = await KineServer.StartOn($"sqlite://{_folder["cut.db"]}");
        using var channel = new EtcdChannel(server.Address);
        Assert.Equal(Records + 2, (await channel.Put("next", "1")).Header.Revision);
    }

    [Fact]
    public async Task Killed_again_and_again_the_command_gets_there()
    {
        using var file = Snapshot("a");
        await Restore(file, _folder["whole.db"]);
        string[] arguments = ["snapshot", "restore", _folder["a"], "--to", $"sqlite://{_folder["cut.db"]}"];
        for (var wait = 150; ; wait += wait / 2)
        {
            using var restore = RunningProcess.Start(TestTools.Kine, arguments);
            var ended = await restore.Exited(TimeSpan.FromMilliseconds(wait));
            await restore.Kill();
            if (!ended)
                continue;

            Assert.True(restore.ExitCode == 0 || restore.Output.Contains("not empty", StringComparison.Ordinal), restore.Output);
            break;
        }

        Assert.Equal(await Content(_folder["whole.db"]), await Content(_folder["cut.db"]));
    }

    [Fact]
    public async Task What_the_store_does_not_give_back_is_noticed()
    {
        using var file = Snapshot("a");
        var inner = Open(_folder["lossy.db"]);
        await using var store = new FaultyStore(inner);
        await store.Open(default);
        store.AfterAppend = batch =>
        {
            if (batch.Records.Count > 0 && batch.Records[0].Revision > 10_000)
                inner.Delete(new[] { new RecordId(batch.Records[0].Revision, 0) }, default).GetAwaiter().GetResult();
        };

        var failed = await Assert.ThrowsAsync<ImportException>(() => HistoryImport.Run(new SnapshotSource(file, "a file"), store, TimeProvider.System, _ => { }, default));

        Assert.Contains("gives back", failed.Message, StringComparison.Ordinal);
    }

    private static SqliteRevisionStore Open(string path) => new(new SqliteOptions { Path = path, Synchronous = SqliteSynchronous.Off });

    private async Task Interrupt(SnapshotFile file, int appends, bool landed, string? identity = null)
    {
        await using var store = new FaultyStore(Open(_folder["cut.db"]));
        await store.Open(default);
        var done = 0;
        Action<AppendBatch> fail = _ =>
        {
            if (++done >= appends)
                throw landed ? new OutcomeUnknownException("lost on the way") : new StoreUnavailableException("not there");
        };
        if (landed)
            store.AfterAppend = fail;
        else
            store.BeforeAppend = fail;

        await Assert.ThrowsAnyAsync<Exception>(() => HistoryImport.Run(new SnapshotSource(file, "a file", identity), store, TimeProvider.System, _ => { }, default));
    }

    private static async Task<ImportSummary> Restore(SnapshotFile file, string path)
    {
        await using var store = Open(path);
        await store.Open(default);
        return await HistoryImport.Run(new SnapshotSource(file, "a file"), store, TimeProvider.System, _ => { }, default);
    }

    private static async Task<string> Content(string path)
    {
        await using var store = Open(path);
        await store.Open(default);
        var text = new StringBuilder();
        foreach (var record in await store.ReadRecords(default, long.MaxValue, int.MaxValue, long.MaxValue, default))
            text.AppendLine(CultureInfo.InvariantCulture, $"{record.Id} {Convert.ToHexString(record.Key.Span)} {record.CreateRevision} {record.Version} {record.Lease} {record.Value.Length}");

        foreach (var row in (await store.ReadSide(default)).OrderBy(row => row.Kind).ThenBy(row => Convert.ToHexString(row.Key)))
            text.AppendLine(CultureInfo.InvariantCulture, $"{row.Kind} {Convert.ToHexString(row.Key)} {Convert.ToHexString(row.Value!)}");

        text.AppendLine(CultureInfo.InvariantCulture, $"{(await store.ReadFence(default)).LastRevision}");
        return text.ToString();
    }

    // Without the checksum at its end, as a copied database is.
    private SnapshotFile Snapshot(string name)
    {
        using var point = new SnapshotPoint
        {
            Revision = Records + 1,
            CompactRevision = name.Length,
            Term = 1,
            Identity = new ClusterIdentity(1, 2),
            ClientUrl = "",
            StorageVersion = "",
            Leases = [(7, 700), (8, 800)],
            Alarms = [],
            Pin = new CompactionPins().Acquire(0),
        };
        var counter = new BoltWriter();
        Fill(counter, point, name);
        var output = new ArrayBufferWriter<byte>();
        var plan = counter.Finish();
        var file = new BoltWriter(output, plan);
        Fill(file, point, name);
        file.Finish();
        var bytes = output.WrittenSpan.ToArray();
        File.WriteAllBytes(_folder[name], [.. bytes, .. System.Security.Cryptography.SHA256.HashData(bytes)]);
        return SnapshotFile.Open(_folder[name]);
    }

    private static void Fill(BoltWriter file, SnapshotPoint point, string name)
    {
        EtcdBuckets.WriteBeforeKeys(file, point);
        file.BeginBucket(EtcdBuckets.Key);
        var key = new byte[BucketKey.MaxLength];
        for (var revision = 2; revision < Records + 2; revision++)
        {
            var version = new Kine.Grains.Index.KeyVersion(revision, 0, revision, 1, revision % 2 == 0 ? 7 : 0, 20);
            file.Add(
                BucketKey.Write(key, new RecordId(revision, 0), tombstone: false),
                KeyValueWire.Encode(Encoding.ASCII.GetBytes(name + revision), version, new byte[20]));
        }
        EtcdBuckets.WriteAfterKeys(file, point);
    }
}
