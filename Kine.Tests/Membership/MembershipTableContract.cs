using System.Net;
using Orleans.Runtime;

namespace Kine.Tests.Membership;

/// <summary>What Orleans' silos rely on in a membership table, wherever it is. Each test has a table to itself; its columns may keep times to the second.</summary>
public abstract class MembershipTableContract : IAsyncLifetime
{
    private const int Writers = 16;
    private static readonly DateTime Start = new(2026, 11, 30, 12, 0, 0, DateTimeKind.Utc);
    private static int _generation = 1000;
    private IMembershipTable _table = null!;

    /// <summary>The table under test, initialized.</summary>
    protected IMembershipTable Table => _table;

    /// <summary>A table that is empty, not yet initialized.</summary>
    protected abstract Task<IMembershipTable> NewTable();

    /// <summary>What another process sees of <see cref="Table"/>, not yet initialized.</summary>
    protected abstract Task<IMembershipTable> SameTableElsewhere();

    public virtual async Task InitializeAsync()
    {
        _table = await NewTable();
        await _table.InitializeMembershipTableAsync(true, default);
    }

    public virtual Task DisposeAsync() => Task.CompletedTask;

    [Fact]
    public async Task An_empty_table_has_version_0_and_an_etag()
    {
        var empty = await Table.ReadAllAsync(default);
        Assert.Empty(empty.Members);
        Assert.Equal(0, empty.Version.Version);
        Assert.NotNull(empty.Version.VersionEtag);
        Assert.Empty((await Table.ReadRowAsync(Silo().SiloAddress, default)).Members);
    }

    [Fact]
    public async Task A_row_is_read_as_it_was_inserted_here_and_elsewhere()
    {
        var silo = Silo(SiloStatus.Active);
        silo.SuspectTimes = [Tuple.Create(Silo().SiloAddress, Start.AddSeconds(1)), Tuple.Create(Silo().SiloAddress, Start.AddSeconds(2))];
        Assert.True(await Insert(silo));

        var elsewhere = await SameTableElsewhere();
        await elsewhere.InitializeMembershipTableAsync(true, default);
        List<MembershipTableData> reads = [];
        IMembershipTable[] tables = [Table, elsewhere];
        foreach (var table in tables)
        {
            reads.Add(await table.ReadAllAsync(default));
            reads.Add(await table.ReadRowAsync(silo.SiloAddress, default));
        }

        foreach (var read in reads)
        {
            (var found, var etag) = Assert.Single(read.Members);
            AssertSame(silo, found);
            Assert.NotNull(etag);
            Assert.Equal(1, read.Version.Version);
        }
    }

    [Fact]
    public async Task Each_insert_and_update_gives_the_table_the_next_version_and_another_etag()
    {
        List<TableVersion> versions = [(await Table.ReadAllAsync(default)).Version];
        var silo = Silo();
        Assert.True(await Insert(silo));
        versions.Add((await Table.ReadAllAsync(default)).Version);
        Assert.True(await Insert(Silo()));
        versions.Add((await Table.ReadAllAsync(default)).Version);
        silo.Status = SiloStatus.Active;
        Assert.True(await Update(silo));
        versions.Add((await Table.ReadRowAsync(silo.SiloAddress, default)).Version);

        Assert.Equal([0, 1, 2, 3], versions.Select(version => version.Version));
        Assert.Distinct(versions.Select(version => version.VersionEtag));
        Assert.Equal(SiloStatus.Active, (await Row(silo)).Entry.Status);
    }

    [Fact]
    public async Task An_insert_on_a_stale_version_is_refused_and_changes_nothing()
    {
        var stale = (await Table.ReadAllAsync(default)).Version.Next();
        var silo = Silo();
        Assert.True(await Table.InsertRowAsync(silo, stale, default));
        Assert.False(await Table.InsertRowAsync(silo, stale, default));
        Assert.False(await Table.InsertRowAsync(Silo(), stale, default));
        var read = await Table.ReadAllAsync(default);
        Assert.Equal(1, read.Version.Version);
        AssertSame(silo, Assert.Single(read.Members).Item1);
    }

    [Fact]
    public async Task A_silo_that_is_there_is_not_inserted_again()
    {
        var silo = Silo();
        Assert.True(await Insert(silo));
        var again = Silo();
        again.SiloAddress = silo.SiloAddress;
        again.Status = SiloStatus.Dead;
        Assert.False(await Insert(again));
        var read = await Table.ReadAllAsync(default);
        Assert.Equal(1, read.Version.Version);
        AssertSame(silo, Assert.Single(read.Members).Item1);
    }

    [Fact]
    public async Task An_update_on_a_stale_version_is_refused_and_changes_nothing()
    {
        var silo = Silo();
        Assert.True(await Insert(silo));
        var stale = (await Table.ReadAllAsync(default)).Version.Next();
        (_, var etag) = await Row(silo);
        Assert.True(await Insert(Silo()));

        silo.Status = SiloStatus.Dead;
        Assert.False(await Table.UpdateRowAsync(silo, etag, stale, default));
        Assert.Equal(SiloStatus.Joining, (await Row(silo)).Entry.Status);
        Assert.Equal(2, (await Table.ReadAllAsync(default)).Version.Version);
    }

    [Fact]
    public async Task An_update_with_a_stale_row_etag_is_refused_and_changes_nothing()
    {
        var silo = Silo();
        Assert.True(await Insert(silo));
        (_, var stale) = await Row(silo);
        silo.Status = SiloStatus.Active;
        Assert.True(await Update(silo));

        var dead = (await Row(silo)).Entry;
        dead.Status = SiloStatus.Dead;
        Assert.False(await Table.UpdateRowAsync(dead, stale, (await Table.ReadAllAsync(default)).Version.Next(), default));
        Assert.Equal(SiloStatus.Active, (await Row(silo)).Entry.Status);
    }

    [Fact]
    public async Task An_update_of_a_silo_that_is_not_there_is_refused()
    {
        Assert.True(await Insert(Silo()));
        var before = await Table.ReadAllAsync(default);
        Assert.False(await Table.UpdateRowAsync(Silo(), before.Members[0].Item2, before.Version.Next(), default));
        Assert.Single((await Table.ReadAllAsync(default)).Members);
    }

    [Fact]
    public async Task What_was_handed_in_or_out_is_not_the_table()
    {
        var silo = Silo();
        Assert.True(await Insert(silo));
        silo.Status = SiloStatus.Dead;
        (var read, _) = await Row(silo);
        Assert.Equal(SiloStatus.Joining, read.Status);
        read.Status = SiloStatus.Stopping;
        read.AddSuspector(silo.SiloAddress, Start);
        (var again, _) = await Row(silo);
        Assert.Equal(SiloStatus.Joining, again.Status);
        Assert.Empty(again.SuspectTimes ?? []);
    }

    [Fact]
    public async Task Of_many_writers_on_one_version_one_wins()
    {
        IMembershipTable[] tables = [.. await Task.WhenAll(Enumerable.Range(0, Writers).Select(async _ => await SameTableElsewhere()))];
        await Task.WhenAll(tables.Select(table => table.InitializeMembershipTableAsync(true, default)));
        var silo = Silo();
        Assert.True(await Insert(silo));
        for (var round = 0; round < 8; round++)
        {
            var seen = await Table.ReadAllAsync(default);
            (var entry, var etag) = seen.TryGet(silo.SiloAddress)!;
            var next = seen.Version.Next();
            var won = await Task.WhenAll(tables.Select((table, i) => Task.Run(async () =>
            {
                var mine = Copy(entry);
                mine.ProxyPort = i;
                return await table.UpdateRowAsync(mine, etag, next, default);
            })));

            var winner = Assert.Single(Enumerable.Range(0, Writers), i => won[i]);
            Assert.Equal(winner, (await Row(silo)).Entry.ProxyPort);
            Assert.Equal(next.Version, (await Table.ReadAllAsync(default)).Version.Version);
        }
    }

    [Fact]
    public async Task Writers_that_try_again_all_come_through_each_with_a_version_of_its_own()
    {
        IMembershipTable[] tables = [.. await Task.WhenAll(Enumerable.Range(0, Writers).Select(async _ => await SameTableElsewhere()))];
        await Task.WhenAll(tables.Select(table => table.InitializeMembershipTableAsync(true, default)));
        MembershipEntry[] silos = [.. tables.Select(_ => Silo())];
        await Task.WhenAll(tables.Select((table, i) => Task.Run(async () =>
        {
            var since = Environment.TickCount64;
            while (!await table.InsertRowAsync(silos[i], (await table.ReadAllAsync(default)).Version.Next(), default))
            {
                Assert.True(Environment.TickCount64 - since < Wait.Limit.TotalMilliseconds, "no insert comes through");
                await Task.Delay(Random.Shared.Next(1, 30));
            }
        })));

        var read = await Table.ReadAllAsync(default);
        Assert.Equal(Writers, read.Version.Version);
        Assert.Equal(silos.Select(silo => silo.SiloAddress).Order(), read.Members.Select(member => member.Item1.SiloAddress).Order());
    }

    [Fact]
    public async Task A_sign_of_life_changes_its_time_alone_and_leaves_the_version()
    {
        var silo = Silo(SiloStatus.Active);
        Assert.True(await Insert(silo));
        var before = await Table.ReadAllAsync(default);
        silo.IAmAliveTime = Start.AddMinutes(5);
        await Table.UpdateIAmAliveAsync(new MembershipEntry { SiloAddress = silo.SiloAddress, IAmAliveTime = silo.IAmAliveTime }, default);

        var after = await Table.ReadAllAsync(default);
        AssertSame(silo, Assert.Single(after.Members).Item1);
        Assert.Equal(before.Version, after.Version);

        // Who read before it can still change the table.
        Assert.True(await Table.InsertRowAsync(Silo(), before.Version.Next(), default));
    }

    [Fact]
    public async Task Signs_of_life_of_many_silos_at_once_all_land()
    {
        MembershipEntry[] silos = [.. Enumerable.Range(0, Writers).Select(_ => Silo(SiloStatus.Active))];
        foreach (var silo in silos)
            Assert.True(await Insert(silo));

        var version = (await Table.ReadAllAsync(default)).Version;
        for (var i = 0; i < silos.Length; i++)
            silos[i].IAmAliveTime = Start.AddMinutes(i + 1);

        await Task.WhenAll(silos.Select(silo => Task.Run(async () =>
        {
            var elsewhere = await SameTableElsewhere();
            await elsewhere.InitializeMembershipTableAsync(true, default);
            await elsewhere.UpdateIAmAliveAsync(new MembershipEntry { SiloAddress = silo.SiloAddress, IAmAliveTime = silo.IAmAliveTime }, default);
        })));

        var read = await Table.ReadAllAsync(default);
        Assert.Equal(version, read.Version);
        foreach (var silo in silos)
            AssertSame(silo, read.TryGet(silo.SiloAddress)!.Item1);
    }

    [Fact]
    public async Task Defunct_silos_go_when_they_are_old_and_active_ones_stay()
    {
        var now = DateTime.UtcNow;
        var seconds = new DateTime(now.Year, now.Month, now.Day, now.Hour, now.Minute, now.Second, DateTimeKind.Utc);
        List<MembershipEntry> kept = [];
        foreach (var status in Enum.GetValues<SiloStatus>())
        {
            var old = Silo(status);
            old.StartTime = old.IAmAliveTime = seconds.AddDays(-10);
            Assert.True(await Insert(old));
            var young = Silo(status);
            young.StartTime = seconds.AddDays(-10);
            young.IAmAliveTime = seconds;
            Assert.True(await Insert(young));
            kept.Add(young);
            if (status == SiloStatus.Active)
                kept.Add(old);
        }

        await Table.CleanupDefunctSiloEntriesAsync(seconds.AddDays(-3), default);
        var read = await Table.ReadAllAsync(default);
        Assert.Equal(kept.Select(silo => silo.SiloAddress).Order(), read.Members.Select(member => member.Item1.SiloAddress).Order());

        await Table.CleanupDefunctSiloEntriesAsync(seconds.AddDays(-3), default);
        Assert.Equal(kept.Count, (await Table.ReadAllAsync(default)).Members.Count);
    }

    [Fact]
    public async Task A_deleted_table_is_empty_and_can_be_used_again()
    {
        Assert.True(await Insert(Silo()));
        Assert.True(await Insert(Silo()));
        await Table.DeleteMembershipTableEntriesAsync(ClusterId, default);
        await Table.InitializeMembershipTableAsync(true, default);
        Assert.Empty((await Table.ReadAllAsync(default)).Members);
        var silo = Silo();
        Assert.True(await Insert(silo));
        AssertSame(silo, Assert.Single((await Table.ReadAllAsync(default)).Members).Item1);
    }

    [Fact]
    public async Task A_hundred_silos_fit()
    {
        List<MembershipEntry> silos = [];
        for (var i = 0; i < 100; i++)
        {
            silos.Add(Silo(i % 3 == 0 ? SiloStatus.Dead : SiloStatus.Active));
            Assert.True(await Insert(silos[i]));
        }

        var read = await Table.ReadAllAsync(default);
        Assert.Equal(100, read.Version.Version);
        foreach (var silo in silos)
            AssertSame(silo, read.TryGet(silo.SiloAddress)!.Item1);
    }

    [Fact]
    public async Task Addresses_of_both_families_are_told_apart_by_their_generation()
    {
        MembershipEntry[] silos = [.. Enumerable.Range(0, 4).Select(_ => Silo())];
        silos[2].SiloAddress = SiloAddress.New(IPAddress.Parse("fd00::7"), 11111, 5);
        silos[3].SiloAddress = SiloAddress.New(IPAddress.Parse("fd00::7"), 11111, 6);
        foreach (var silo in silos)
            Assert.True(await Insert(silo));

        foreach (var silo in silos)
            AssertSame(silo, (await Row(silo)).Entry);
    }

    /// <summary>The cluster whose table it is.</summary>
    protected virtual string ClusterId => "kine";

    protected async Task<bool> Insert(MembershipEntry silo) => await Table.InsertRowAsync(silo, (await Table.ReadAllAsync(default)).Version.Next(), default);

    protected async Task<bool> Update(MembershipEntry silo)
    {
        (_, var etag) = await Row(silo);
        return await Table.UpdateRowAsync(silo, etag, (await Table.ReadAllAsync(default)).Version.Next(), default);
    }

    protected async Task<(MembershipEntry Entry, string Etag)> Row(MembershipEntry silo)
    {
        (var entry, var etag) = Assert.Single((await Table.ReadRowAsync(silo.SiloAddress, default)).Members);
        return (entry, etag);
    }

    /// <summary>A silo that no other test has.</summary>
    protected static MembershipEntry Silo(SiloStatus status = SiloStatus.Joining) => new()
    {
        SiloAddress = SiloAddress.New(IPAddress.Parse("10.0.0.7"), 11111, Interlocked.Increment(ref _generation)),
        Status = status,
        SiloName = "Silo_7",
        HostName = "seven.example",
        ProxyPort = 30000,
        StartTime = Start,
        IAmAliveTime = Start.AddSeconds(1),
    };

    protected static void AssertSame(MembershipEntry expected, MembershipEntry found)
    {
        Assert.Equal(expected.SiloAddress, found.SiloAddress);
        Assert.Equal(expected.Status, found.Status);
        Assert.Equal(expected.SiloName, found.SiloName);
        Assert.Equal(expected.HostName, found.HostName);
        Assert.Equal(expected.ProxyPort, found.ProxyPort);
        Assert.Equal(expected.StartTime, Utc(found.StartTime));
        Assert.Equal(expected.IAmAliveTime, Utc(found.IAmAliveTime));
        Assert.Equal(
            (expected.SuspectTimes ?? []).Select(vote => (vote.Item1, vote.Item2)), (found.SuspectTimes ?? []).Select(vote => (vote.Item1, Utc(vote.Item2))));
    }

    private static DateTime Utc(DateTime time) => DateTime.SpecifyKind(time, DateTimeKind.Utc);

    private static MembershipEntry Copy(MembershipEntry entry) => new()
    {
        SiloAddress = entry.SiloAddress,
        Status = entry.Status,
        SiloName = entry.SiloName,
        HostName = entry.HostName,
        ProxyPort = entry.ProxyPort,
        StartTime = entry.StartTime,
        IAmAliveTime = entry.IAmAliveTime,
    };
}
