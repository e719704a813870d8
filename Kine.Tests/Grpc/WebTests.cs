using System.Net;
using Google.Protobuf;
using Kine.Etcd;
using Kine.Grains;
using Kine.Grains.Cluster;
using Kine.Grains.Reads;
using Kine.Tests.Metrics;
using Xunit;

namespace Kine.Tests.Grpc;

public sealed class WebTests
{
    [Fact]
    public async Task Health_is_true_while_a_range_answers_and_false_with_the_reason_when_not()
    {
        await using var server = await TestServer.Start();
        using var web = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{server.Server.Port}") };

        Assert.Equal((HttpStatusCode.OK, """{"health":"true","reason":""}"""), await Get(web, "/health"));
        Assert.Equal((HttpStatusCode.OK, "ok\n"), await Get(web, "/readyz"));

        server.Api.OnRange = (_, _) => throw EtcdErrors.NoLeader;
        Assert.Equal(
            (HttpStatusCode.ServiceUnavailable, """{"health":"false","reason":"RANGE ERROR:etcdserver: no leader"}"""), await Get(web, "/health"));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await Get(web, "/readyz")).Status);
        Assert.Equal((HttpStatusCode.OK, "ok\n"), await Get(web, "/livez"));
    }

    [Fact]
    public async Task Health_lets_go_of_what_its_range_kept_from_compaction()
    {
        await using var server = await TestServer.Start();
        using var web = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{server.Server.Port}") };
        var released = new Released();
        server.Api.OnRange = (_, _) => new(new RangeReply { Revision = 1, Count = 0, Held = released });

        Assert.Equal(HttpStatusCode.OK, (await Get(web, "/health")).Status);
        Assert.Equal(1, released.Count);
        Assert.Equal(HttpStatusCode.OK, (await Get(web, "/readyz")).Status);
        Assert.Equal(2, released.Count);
    }

    [Fact]
    public async Task Health_gives_up_on_a_keyspace_that_does_not_answer()
    {
        await using var server = await TestServer.Start();
        using var web = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{server.Server.Port}") };
        server.Api.OnRange = async (_, token) =>
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, token);
            return FakeEtcdApi.Reply(1);
        };

        Assert.Equal(
            (HttpStatusCode.ServiceUnavailable, """{"health":"false","reason":"RANGE ERROR:etcdserver: request timed out"}"""),
            await Get(web, "/health"));
    }

    [Fact]
    public async Task An_alarm_makes_health_false_unless_it_is_excluded()
    {
        await using var server = await TestServer.Start();
        using var web = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{server.Server.Port}") };
        server.Api.OnAlarm = () => new AlarmResponse { Alarms = { new AlarmMember { Alarm = AlarmType.Nospace } } };

        Assert.Equal((HttpStatusCode.ServiceUnavailable, """{"health":"false","reason":"ALARM NOSPACE"}"""), await Get(web, "/health"));
        Assert.Equal(HttpStatusCode.OK, (await Get(web, "/health?serializable=true&exclude=NOSPACE")).Status);
    }

    [Fact]
    public async Task Metrics_tell_calls_by_method_and_code()
    {
        await using var server = await TestServer.Start(TestServer.Options with { MetricsBindAddress = "127.0.0.1:0" });
        using var client = new GrpcClient(server.Server.Port);
        await client.Call("/etcdserverpb.KV/Put", new PutRequest { Key = ByteString.CopyFromUtf8("k") });
        await client.Call("/etcdserverpb.KV/Put", new PutRequest { Key = ByteString.CopyFromUtf8("k") });
        await client.Call("/etcdserverpb.KV/Put", new PutRequest());
        using var web = new HttpClient();

        var (status, text) = await Get(web, server.Server.Addresses[1] + "/metrics");

        Assert.Equal(HttpStatusCode.OK, status);
        var samples = MetricSample.Parse(text);
        Assert.Equal(3, Put("grpc_server_started_total"));
        Assert.Equal(2, Put("grpc_server_handled_total", ("grpc_code", "OK")));
        Assert.Equal(1, Put("grpc_server_handled_total", ("grpc_code", "InvalidArgument")));
        Assert.Equal(3, Put("grpc_server_handling_seconds_count"));
        Assert.Equal(3, Put("grpc_server_handling_seconds_bucket", ("le", "+Inf")));
        Assert.Equal(1, samples.Single(s => s.Name == "etcd_server_has_leader").Value);
        Assert.Equal(4096, samples.Single(s => s.Name == "etcd_mvcc_db_total_size_in_bytes").Value);
        Assert.Contains(samples, s => s.Name == "process_resident_memory_bytes");
        Assert.Contains(samples, s => s.Name == "dotnet_gc_collections_total" && s.Labels.Count == 1);

        double Put(string name, params (string Name, string Value)[] more)
        {
            (string Name, string Value)[] labels = [("grpc_type", "unary"), ("grpc_service", "etcdserverpb.KV"), ("grpc_method", "Put"), .. more];
            return samples.Single(s => s.Name == name && s.Labels.Count == labels.Length && labels.All(l => s.Labels.GetValueOrDefault(l.Name) == l.Value)).Value;
        }
    }

    [Fact]
    public async Task Metrics_say_that_the_store_is_away_and_keep_the_other_figures()
    {
        await using var server = await TestServer.Start();
        using var web = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{server.Server.Port}") };
        server.Api.OnStatus = () => throw EtcdErrors.NoLeader;

        var samples = MetricSample.Parse((await Get(web, "/metrics")).Body);

        Assert.Equal(0, samples.Single(s => s.Name == "etcd_server_has_leader").Value);
        Assert.Contains(samples, s => s.Name == "process_cpu_seconds_total");
    }

    [Fact]
    public async Task Two_servers_of_one_process_tell_their_own_figures()
    {
        await using var first = await TestServer.Start();
        await using var second = await TestServer.Start();
        using var client = new GrpcClient(first.Server.Port);
        await client.Call("/etcdserverpb.KV/Put", new PutRequest { Key = ByteString.CopyFromUtf8("k") });
        using var web = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{second.Server.Port}") };

        var samples = MetricSample.Parse((await Get(web, "/metrics")).Body);

        Assert.DoesNotContain(samples, s => s.Name == "grpc_server_started_total" && s.Value != 0);
        Assert.DoesNotContain(samples, s => s.Name == "grpc_server_handling_seconds_count");
    }

    [Fact]
    public async Task The_metrics_address_serves_no_grpc()
    {
        await using var server = await TestServer.Start(TestServer.Options with { MetricsBindAddress = "127.0.0.1:0" });
        using var handler = new SocketsHttpHandler();
        using var client = new GrpcClient(new Uri(server.Server.Addresses[1]), handler);

        await Assert.ThrowsAnyAsync<HttpRequestException>(() => client.Call("/etcdserverpb.KV/Put", new PutRequest()));
    }

    private sealed class Released : IDisposable
    {
        public int Count { get; private set; }

        public void Dispose() => Count++;
    }

    private static async Task<(HttpStatusCode Status, string Body)> Get(HttpClient web, string path)
    {
        using var response = await web.GetAsync(new Uri(path, UriKind.RelativeOrAbsolute));
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }
}
