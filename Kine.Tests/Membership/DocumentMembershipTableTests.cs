using System.Text;
using System.Text.Json.Nodes;
using Kine.Backends;
using Kine.Backends.Memory;
using Kine.Grains.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Runtime;

namespace Kine.Tests.Membership;

/// <summary>The table over a document in memory, and what is particular to a document.</summary>
public sealed class DocumentMembershipTableTests : MembershipTableContract
{
    private readonly FaultyDocument _document = new();

    protected override Task<IMembershipTable> NewTable() => SameTableElsewhere();

    protected override Task<IMembershipTable> SameTableElsewhere() => Task.FromResult<IMembershipTable>(new DocumentMembershipTable(_document));

    [Fact]
    public async Task People_can_read_it()
    {
        var silo = Silo(SiloStatus.ShuttingDown);
        Assert.True(await Insert(silo));
        var text = Encoding.UTF8.GetString((await _document.Read(default)).Content);
        var row = JsonNode.Parse(text)!["silos"]![0]!;
        Assert.Equal($"10.0.0.7:11111@{silo.SiloAddress.Generation}", (string?)row["silo"]);
        Assert.Equal("ShuttingDown", (string?)row["status"]);
        Assert.Equal("2026-11-30T12:00:01Z", (string?)row["alive"]);
        Assert.Contains("\n", text);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_change_whose_answer_was_lost_is_told_apart_from_anothers(bool lands)
    {
        var silo = Silo();
        _document.LoseNext(lands, late: false);
        Assert.True(await Insert(silo));
        _document.LoseNext(lands, late: false);
        silo.Status = SiloStatus.Active;
        Assert.True(await Update(silo));
        _document.LoseNext(lands, late: false);
        silo.IAmAliveTime = silo.IAmAliveTime.AddMinutes(1);
        await Table.UpdateIAmAliveAsync(new MembershipEntry { SiloAddress = silo.SiloAddress, IAmAliveTime = silo.IAmAliveTime }, default);
        AssertSame(silo, (await Row(silo)).Entry);
        Assert.Equal(2, (await Table.ReadAllAsync(default)).Version.Version);
    }

    [Fact]
    public async Task A_change_that_lands_after_its_answer_was_given_up_lands_once()
    {
        var silo = Silo();
        _document.LoseNext(lands: true, late: true);
        Assert.True(await Insert(silo));
        AssertSame(silo, Assert.Single((await Table.ReadAllAsync(default)).Members).Item1);
        Assert.Equal(1, (await Table.ReadAllAsync(default)).Version.Version);
    }

    [Fact]
    public async Task A_document_that_was_deleted_comes_back_with_the_next_change()
    {
        MembershipEntry[] silos = [Silo(SiloStatus.Active), Silo(SiloStatus.Active)];
        foreach (var silo in silos)
            Assert.True(await Insert(silo));

        _document.Replace([]);
        Assert.Equal(2, (await Table.ReadAllAsync(default)).Members.Count);
        silos[0].IAmAliveTime = silos[0].IAmAliveTime.AddMinutes(1);
        await Table.UpdateIAmAliveAsync(silos[0], default);
        var elsewhere = await (await SameTableElsewhere()).ReadAllAsync(default);
        Assert.Equal(2, elsewhere.Version.Version);
        foreach (var silo in silos)
            AssertSame(silo, elsewhere.TryGet(silo.SiloAddress)!.Item1);
    }

    [Fact]
    public async Task The_newest_table_that_somebody_saw_wins_over_an_old_backup()
    {
        Assert.True(await Insert(Silo()));
        var backup = (await _document.Read(default)).Content;
        var other = await SameTableElsewhere();
        Assert.True(await other.InsertRowAsync(Silo(), (await other.ReadAllAsync(default)).Version.Next(), default));
        _document.Replace(backup);

        Assert.True(await Insert(Silo())); // on version 1, as this one has not seen 2
        Assert.True(await Insert(Silo()));
        Assert.Equal(3, (await other.ReadAllAsync(default)).Version.Version);
        Assert.Equal(3, (await Table.ReadAllAsync(default)).Members.Count);
    }

    [Theory]
    [InlineData("no JSON")]
    [InlineData("null")]
    [InlineData("""{"version":1,"etag":"x"}""")]
    [InlineData("""{"version":1,"etag":"x","silos":[null]}""")]
    [InlineData("""{"version":1,"etag":"x","silos":[{"silo":"10.0.0.7","status":"Active","started":"2026-11-30T12:00:01Z","alive":"2026-11-30T12:00:01Z","etag":"y"}]}""")]
    [InlineData("""{"version":1,"etag":"x","silos":[{"silo":null,"status":"Active","started":"2026-11-30T12:00:01Z","alive":"2026-11-30T12:00:01Z","etag":"y"}]}""")]
    [InlineData("""{"version":1,"etag":"x","silos":[{"silo":"10.0.0.7:1@1","status":"Happy","started":"2026-11-30T12:00:01Z","alive":"2026-11-30T12:00:01Z","etag":"y"}]}""")]
    public async Task A_document_that_somebody_else_wrote_is_named_and_left_alone(string content)
    {
        _document.Replace(Encoding.UTF8.GetBytes(content));
        var unreadable = await Assert.ThrowsAsync<InvalidDataException>(() => Table.InitializeMembershipTableAsync(true, default));
        Assert.Contains("delete it", unreadable.Message);
        await Assert.ThrowsAsync<InvalidDataException>(() => Table.UpdateIAmAliveAsync(Silo(), default));
        Assert.Equal(content, Encoding.UTF8.GetString((await _document.Read(default)).Content));
    }

    [Fact]
    public async Task What_a_later_version_adds_to_a_row_does_not_keep_this_one_from_reading_it()
    {
        Assert.True(await Insert(Silo()));
        var table = JsonNode.Parse((await _document.Read(default)).Content)!;
        table["silos"]![0]!["colour"] = "blue";
        _document.Replace(Encoding.UTF8.GetBytes(table.ToJsonString()));
        Assert.Single((await Table.ReadAllAsync(default)).Members);
    }

    [Fact]
    public async Task The_oldest_dead_give_way_to_new_ones_in_a_large_table()
    {
        var alive = Silo(SiloStatus.Active);
        Assert.True(await Insert(alive));
        List<MembershipEntry> dead = [];
        for (var i = 0; i < 300; i++)
        {
            dead.Add(Silo(SiloStatus.Dead));
            dead[i].IAmAliveTime = dead[i].IAmAliveTime.AddSeconds(i);
            Assert.True(await Insert(dead[i]));
        }

        var read = await Table.ReadAllAsync(default);
        Assert.NotNull(read.TryGet(alive.SiloAddress));
        Assert.NotNull(read.TryGet(dead[^100].SiloAddress));
        Assert.Null(read.TryGet(dead[0].SiloAddress));
        Assert.InRange((await _document.Read(default)).Content.Length, 1, 100_000);
    }

    [Fact]
    public async Task A_store_that_is_not_there_is_said_so()
    {
        _document.IsDown = true;
        await Assert.ThrowsAsync<StoreUnavailableException>(() => Table.ReadAllAsync(default));
        await Assert.ThrowsAsync<StoreUnavailableException>(() => Table.UpdateIAmAliveAsync(Silo(), default));
    }

    [Fact]
    public void It_takes_the_place_of_other_tables()
    {
        var services = new ServiceCollection();
        services.AddSingleton<IMembershipTable>(_ => throw new NotSupportedException());
        DocumentMembershipTable.AddTo(services, _ => _document);
        using var provider = services.BuildServiceProvider();
        Assert.IsType<DocumentMembershipTable>(Assert.Single(provider.GetServices<IMembershipTable>()));
    }

    // Loses answers, with or without what they answer, and can be what a backup or another program left there.
    private sealed class FaultyDocument : ISharedDocument
    {
        private MemorySharedDocument _inner = new();
        private Func<Func<Task>, Task>? _lost;
        private Func<Task>? _late;

        public bool IsDown { get; set; }

        public void LoseNext(bool lands, bool late) => _lost = async land =>
        {
            if (lands && late)
                _late = land;
            else if (lands)
                await land();

            throw new OutcomeUnknownException("the answer was lost");
        };

        public void Replace(byte[] content)
        {
            _inner = new MemorySharedDocument();
            if (content.Length > 0)
                Assert.True(_inner.TryReplace(content, 0, default).Result);
        }

        public Task<SharedContent> Read(CancellationToken cancellationToken) =>
            IsDown ? throw new StoreUnavailableException("down") : _inner.Read(cancellationToken);

        public async Task<bool> TryReplace(ReadOnlyMemory<byte> content, ulong seenVersion, CancellationToken cancellationToken)
        {
            if (Interlocked.Exchange(ref _lost, null) is { } lose)
                await lose(() => _inner.TryReplace(content, seenVersion, cancellationToken));

            if (Interlocked.Exchange(ref _late, null) is { } late)
                await late();

            return await _inner.TryReplace(content, seenVersion, cancellationToken);
        }
    }
}
