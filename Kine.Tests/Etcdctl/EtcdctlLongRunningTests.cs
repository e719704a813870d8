using Kine.Tests.Servers;

namespace Kine.Tests.Etcdctl;

/// <summary>The commands that go on: watch, lock, elect, make-mirror, check perf.</summary>
public sealed class EtcdctlLongRunningTests : IAsyncLifetime
{
    private const int SigInt = 2;

    private EtcdApiServer _candidate = null!;

    private Etcdctl Tool => new(_candidate);

    public async Task InitializeAsync() => _candidate = await Candidate.StartNew();

    public async Task DisposeAsync() => await _candidate.DisposeAsync();

    [Fact]
    public async Task Watch_prints_what_it_prints_on_etcd()
    {
        await using var etcd = await EtcdServer.StartNew();
        var outputs = new List<string[]>();
        foreach (var tool in new[] { new Etcdctl(etcd), Tool })
        {
            await tool.Must("put /a/1 before");
            using var fromNow = tool.Start("watch /a/ --prefix --prev-kv");
            using var fromPast = tool.Start("watch /a/1 --rev 1");
            using var json = tool.Start("watch /a/ /a/z -w json");
            // A put of a key of its own shows that the watches are there: they see each round until one was seen by all.
            for (var round = 0; !new[] { fromNow, json }.All(watch => watch.Output.Contains("/a/2") || watch.Output.Contains("L2EvMg==")); round++)
            {
                Assert.True(round < 100, "the watches print nothing");
                await tool.Must("put /a/2 sign");
                await Task.Delay(50);
            }
            await tool.Must("put /a/1 changed");
            await tool.Must("del /a/1");
            await tool.Must("txn", "\nput /a/3 x\nput /a/4 y\ndel /a/2\n\n\n");
            await tool.Must("put /a/end end");
            await fromNow.Printed("/a/end");
            await fromPast.Printed("DELETE");
            await json.Printed("L2EvZW5k");
            outputs.Add([AfterSign(fromNow.Output), fromPast.Output, .. json.Output.Split('\n').TakeLast(5).Select(WithoutNumbers)]);
        }
        Assert.Equal(outputs[0], outputs[1]);
    }

    [Fact]
    public async Task A_lock_is_held_by_one_at_a_time_and_passed_on()
    {
        using var first = Tool.Start("lock mutex");
        await first.Printed("mutex/");
        using var second = Tool.Start("lock mutex");
        await Task.Delay(700);
        Assert.Equal("", second.Output);
        first.Signal(SigInt);
        Assert.True(await first.Exited(Wait.Limit));
        await second.Printed("mutex/");
        second.Signal(SigInt);
        Assert.True(await second.Exited(Wait.Limit));
        Assert.Equal("", await Tool.Must("get mutex --prefix"));
        Assert.Equal("under lock\n", await Tool.Must("lock mutex echo 'under lock'"));
    }

    [Fact]
    public async Task The_lock_of_a_killed_holder_passes_on_when_its_lease_expires()
    {
        using var first = Tool.Start("lock mutex --ttl 2");
        await first.Printed("mutex/");
        await first.Kill();
        using var second = Tool.Start("lock mutex --ttl 2");
        await second.Printed("mutex/", Wait.Limit);
    }

    [Fact]
    public async Task Elections_have_one_leader_and_observers_see_the_change()
    {
        using var first = Tool.Start("elect office alice");
        await first.Printed("alice");
        using var observer = Tool.Start("elect -l office");
        await observer.Printed("alice");
        using var second = Tool.Start("elect office bob");
        await Task.Delay(700);
        Assert.DoesNotContain("bob", second.Output);
        first.Signal(SigInt);
        Assert.True(await first.Exited(Wait.Limit));
        await second.Printed("bob");
        await observer.Printed("bob");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Make_mirror_copies_what_is_there_and_follows(bool fromCandidate)
    {
        await using var etcd = await EtcdServer.StartNew();
        var source = fromCandidate ? _candidate : etcd;
        var target = fromCandidate ? etcd : _candidate;
        var (from, to) = (new Etcdctl(source), new Etcdctl(target));
        for (var i = 0; i < 30; i++)
            await from.Must($"put /m/{i:00} v{i}");

        using var mirror = from.Start($"make-mirror {target.Address}");
        await Eventually(async () => await to.Must("get /m/ --prefix") == await from.Must("get /m/ --prefix"));
        await from.Must("put /m/05 changed");
        await from.Must("del /m/06");
        await from.Must("txn", "\nput /m/x 1\nput /m/y 2\ndel /m/07\n\n\n");
        await Eventually(async () => await to.Must("get /m/ --prefix") == await from.Must("get /m/ --prefix"));
        Assert.Equal("/m/05\nchanged\n", await to.Must("get /m/05"));
        Assert.Equal("", await to.Must("get /m/06"));
        Assert.False(mirror.HasExited, mirror.Output);
    }

    [Fact]
    public async Task Check_perf_passes_its_small_load()
    {
        var result = await Tool.Run("check perf --load s", within: TimeSpan.FromMinutes(2));
        var verdicts = System.Text.RegularExpressions.Regex.Matches(result.Output, "(PASS|FAIL)[^\r\n]*").Select(match => match.Value).ToArray();
        Assert.True(result.ExitCode == 0 && verdicts.Length == 4, string.Join('\n', verdicts) + result.Errors);
        Assert.All(verdicts, verdict => Assert.StartsWith("PASS", verdict));
    }

    private static async Task Eventually(Func<Task<bool>> holds)
    {
        var deadline = DateTime.UtcNow + Wait.Limit;
        while (!await holds())
        {
            Assert.True(DateTime.UtcNow < deadline, "the copy does not become equal");
            await Task.Delay(100);
        }
    }

    private static string AfterSign(string output)
    {
        var lines = output.Split('\n');
        var last = Array.FindLastIndex(lines, line => line == "sign");
        return string.Join('\n', lines[(last + 1)..]);
    }

    private static string WithoutNumbers(string json) => System.Text.RegularExpressions.Regex.Replace(json, ":[0-9]+", ":N");
}
