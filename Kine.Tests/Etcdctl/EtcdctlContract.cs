using Kine.Tests.Servers;

namespace Kine.Tests.Etcdctl;

/// <summary>Commands as a user types them; what etcdctl prints must be what it prints against a real etcd.</summary>
public abstract class EtcdctlContract : IAsyncLifetime
{
    private EtcdServer _etcd = null!;
    private EtcdApiServer _candidate = null!;

    private Etcdctl Reference => new(_etcd);

    private Etcdctl Subject => new(_candidate);

    /// <summary>A new server on an empty store of the kind that is tested.</summary>
    protected abstract Task<EtcdApiServer> StartServer();

    /// <summary>False when another process than the one that is asked writes.</summary>
    protected virtual bool Writes => true;

    public async Task InitializeAsync()
    {
        _etcd = await EtcdServer.StartNew();
        _candidate = await StartServer();
    }

    public async Task DisposeAsync()
    {
        await _etcd.DisposeAsync();
        await _candidate.DisposeAsync();
    }

    [Fact]
    public async Task Put_get_and_del_print_the_same()
    {
        await Same("put foo bar");
        Assert.Equal("foo\nbar\n", await Subject.Must("get foo"));
        foreach (var key in new[] { "foo1", "foo2", "foo3", "zoo", "/registry/pods/a/b", "/registry/pods/a/c" })
            await Same($"put {key} value-of-{key}");

        await Same("put foo bar2 --prev-kv");
        await Same("put foo --ignore-value", "");
        await Same("put foo3 --ignore-lease new");
        await Same("put nokey --ignore-value");
        await Same("put '' empty");
        await Same("put from-stdin", "read from standard input");
        foreach (var options in new[]
        {
            "foo", "foo --print-value-only", "foo -w json", "foo -w fields", "nothing", "'' --prefix", "foo --prefix --limit 2",
            "foo foo3", "foo --from-key", "'' --from-key --keys-only", "foo --prefix --order DESCEND --sort-by KEY",
            "foo --prefix --order ASCEND --sort-by MODIFY", "foo --prefix --order DESCEND --sort-by CREATE", "foo --prefix --sort-by VERSION --order DESCEND --limit 1",
            "foo --prefix --sort-by VALUE --order ASCEND", "foo --prefix --count-only -w fields", "foo --prefix --count-only -w json", "foo --consistency=s",
            "foo --rev 2", "foo --rev 3 -w json", "foo --rev 1000", "foo --prefix -w json --limit 1", "/registry/pods/a/ --prefix --keys-only",
        })
        {
            await Same($"get {options}");
        }

        foreach (var options in new[] { "nothing", "foo1", "foo2 --prev-kv", "foo foo3", "/registry/pods --prefix --prev-kv", "zoo --from-key -w json", "'' --prefix -w fields" })
            await Same($"del {options}");

        await Same("get '' --prefix");
    }

    [Fact]
    public async Task Transactions_print_the_same()
    {
        await Same("put a 1");
        await Same("put b 2");
        foreach (var input in new[]
        {
            "value(\"a\") = \"1\"\n\nput a 10\nget a\n\nput a failed\n\n",
            "value(\"a\") = \"1\"\n\nput a 10\nget a\n\nput a failed\nget b\ndel b\n\n",
            "mod(\"a\") > \"1\"\ncreate(\"a\") = \"2\"\nversion(\"a\") > \"0\"\nver(\"missing\") = \"0\"\n\nget a b\ndel --prefix x\nput c --prev-kv 3\n\nget a\n\n",
            "\nput q 1\nput q 2\n\n\n",
            "version(\"a\") < \"0\"\n\nput never x\n\nput else y\nget else\n\n",
        })
        {
            await Same("txn -i", input);
            await Same("txn -i -w json", input);
        }
    }

    [Fact]
    public async Task Leases_print_the_same()
    {
        await Same("lease grant 1000");
        await Same("lease grant 1");
        await Same("lease grant 9000000001");
        await Same("lease revoke 1234");
        await Same("lease timetolive 1234");
        await Same("lease keep-alive --once 1234");
        await Same("put k v --lease 1234");
        var leases = new List<(Etcdctl Tool, string Id)>();
        foreach (var tool in new[] { Reference, Subject })
        {
            var granted = await tool.Must("lease grant 500");
            leases.Add((tool, granted.Split(' ')[1]));
        }
        foreach (var command in new[]
        {
            "put leased1 v --lease ID", "put leased2 v --lease ID", "get leased1 -w fields", "lease timetolive ID", "lease timetolive ID --keys",
            "lease keep-alive --once ID", "put leased2 v2 --ignore-lease", "lease timetolive ID --keys -w json", "lease revoke ID", "get leased --prefix",
            "lease timetolive ID --keys", "lease revoke ID",
        })
        {
            var outputs = new List<string>();
            foreach (var (tool, id) in leases)
                outputs.Add(KeysInOrder(WithoutSeconds(tool.Comparable(await tool.Run(command.Replace("ID", id))))));

            Assert.Equal(outputs[0], outputs[1]);
        }
        // The lease of the shortest TTL expires by each server's own clock.
        foreach (var tool in new[] { Reference, Subject })
        {
            var deadline = DateTime.UtcNow.AddSeconds(60);
            while (!(await tool.Must("lease list")).Contains("found 1 leases", StringComparison.Ordinal))
                Assert.True(DateTime.UtcNow < deadline, "the lease of the shortest TTL does not expire");
        }

        await Same("lease list");
    }

    [Fact]
    public async Task Compaction_and_its_errors_print_the_same()
    {
        for (var i = 0; i < 5; i++)
            await Same($"put k v{i}");

        foreach (var command in new[]
        {
            "compaction 4", "compaction 4", "compaction 3", "compaction 100", "get k --rev 3", "get k --rev 4", "compaction 5 --physical", "get k --rev 4",
            "compact 6", "watch k --rev 2", "defrag", "alarm list", "alarm disarm",
        })
        {
            await Same(command);
        }
    }

    [Fact]
    public async Task The_endpoint_and_member_commands_work_and_the_hash_is_etcds()
    {
        for (var i = 0; i < 20; i++)
            await Same($"put key{i % 7} v{i}");

        await Same("del key3");
        await Same("compaction 9 --physical");
        await Same("put last x");
        await Same("endpoint health");
        await Same("endpoint hashkv");
        await Same("endpoint hashkv --rev 15");
        await Same("endpoint hashkv -w json --rev 5");
        Assert.Contains("is healthy", await Subject.Must("endpoint health -w fields") + (await Subject.Run("endpoint health")).Errors + (await Subject.Run("endpoint health")).Output);
        var status = (await Subject.Must("endpoint status")).Split(", ");
        Assert.Equal(_candidate.Address, status[0]);
        Assert.Matches("^3\\.", status[2]);
        Assert.Equal(Writes ? "true" : "false", status[4]); // is it the leader?
        Assert.Contains("started", await Subject.Must("member list"));
        Assert.Contains("dbSize", await Subject.Must("endpoint status -w json"));
        Assert.Contains(_candidate.Address, await Subject.Must("endpoint status --cluster"));
        Assert.Contains(_candidate.Address, await Subject.Must("endpoint health --cluster") + (await Subject.Run("endpoint health --cluster")).Errors);
    }

    [Fact]
    public async Task A_key_put_under_a_short_lease_is_gone_when_the_lease_expires()
    {
        foreach (var tool in new[] { Reference, Subject })
        {
            var id = (await tool.Must("lease grant 2")).Split(' ')[1];
            await tool.Must($"put short v --lease {id}");
            using var watch = tool.Start("watch short");
            await watch.Printed("DELETE\nshort", Wait.Limit);
            Assert.Equal("", await tool.Must("get short"));
            Assert.Contains("already expired", await tool.Must($"lease timetolive {id}"));
        }
    }

    private static string WithoutSeconds(string text)
        => System.Text.RegularExpressions.Regex.Replace(text, "remaining\\([0-9]+s?\\)|\"ttl\":[0-9]+", "remaining");

    // etcd tells the keys of a lease in the order of a hash table, which changes from run to run.
    private static string KeysInOrder(string text) => System.Text.RegularExpressions.Regex.Replace(
        text,
        "(?<=attached keys\\(\\[)[^]]*|(?<=\"keys\":\\[)[^]]*",
        keys => string.Join(' ', keys.Value.Split(' ', ',').Order(StringComparer.Ordinal)));

    private async Task Same(string commandLine, string input = "")
    {
        var expected = Reference.Comparable(await Reference.Run(commandLine, input));
        var actual = Subject.Comparable(await Subject.Run(commandLine, input));
        Assert.True(expected == actual, $"etcdctl {commandLine}\n-- etcd:\n{expected}\n-- {_candidate.Name}:\n{actual}");
    }
}
