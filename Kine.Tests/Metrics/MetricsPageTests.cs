using System.Net;
using Google.Protobuf;
using Kine.Etcd;
using Kine.Host.Client;
using Kine.Tests.Grpc;
using Kine.Tests.Servers;
using Kine.Tests.Wire;

namespace Kine.Tests.Metrics;

/// <summary>The page /metrics of a running server, beside a list, beside etcd's, and as Prometheus and promtool read it.</summary>
public sealed class MetricsPageTests
{
    private const string MethodLabels = "grpc_method,grpc_service,grpc_type";

    // name, type, label names
    private static readonly (string Name, string Type, string Labels)[] Expected =
    [
        ("etcd_debugging_mvcc_current_revision", "gauge", ""),
        ("etcd_mvcc_db_total_size_in_bytes", "gauge", ""),
        ("etcd_mvcc_db_total_size_in_use_in_bytes", "gauge", ""),
        ("etcd_network_client_grpc_received_bytes_total", "counter", ""),
        ("etcd_network_client_grpc_sent_bytes_total", "counter", ""),
        ("etcd_server_has_leader", "gauge", ""),
        ("etcd_server_is_leader", "gauge", ""),
        ("etcd_server_quota_backend_bytes", "gauge", ""),
        ("etcd_server_version", "gauge", "server_version"),
        ("grpc_server_handled_total", "counter", "grpc_code," + MethodLabels),
        ("grpc_server_handling_seconds", "histogram", MethodLabels),
        ("grpc_server_msg_received_total", "counter", MethodLabels),
        ("grpc_server_msg_sent_total", "counter", MethodLabels),
        ("grpc_server_started_total", "counter", MethodLabels),
        ("process_cpu_seconds_total", "counter", ""),
        ("process_max_fds", "gauge", ""),
        ("process_open_fds", "gauge", ""),
        ("process_resident_memory_bytes", "gauge", ""),
        ("process_start_time_seconds", "gauge", ""),
        ("process_threads", "gauge", ""),
        ("process_virtual_memory_bytes", "gauge", ""),
    ];

    [Fact]
    public async Task Names_types_and_labels_are_the_listed_ones_and_as_etcd_has_them()
    {
        await using var kine = await KineServer.StartNew();
        await using var etcd = await EtcdServer.StartNew();
        var own = await PageAfterAPut(kine.Address);
        var others = await PageAfterAPut(etcd.Address);

        Assert.Equal(Expected.OrderBy(m => m.Name, StringComparer.Ordinal), Shape(own).Where(m => !m.Name.StartsWith("dotnet_", StringComparison.Ordinal)));
        var etcds = Shape(others).ToDictionary(m => m.Name, StringComparer.Ordinal);
        Assert.All(Shape(own).Where(m => etcds.ContainsKey(m.Name)), m => Assert.Equal(etcds[m.Name], m));
        Assert.All(Expected.Where(m => m.Name.StartsWith("etcd_", StringComparison.Ordinal)), m => Assert.Contains(m.Name, etcds.Keys));
    }

    [Fact]
    public async Task Every_method_of_etcd_counts_as_in_etcd_from_the_start()
    {
        await using var kine = await KineServer.StartNew();
        await using var etcd = await EtcdServer.StartNew();
        var own = MetricSample.Parse(await PageAfterAPut(kine.Address));
        var others = MetricSample.Parse(await PageAfterAPut(etcd.Address));

        string[] names = ["grpc_server_started_total", "grpc_server_handled_total", "grpc_server_msg_received_total", "grpc_server_msg_sent_total"];
        var series = own.Where(s => names.Contains(s.Name)).ToDictionary(Series, s => s.Value);
        foreach (var sample in others.Where(s => names.Contains(s.Name) && s.Labels["grpc_service"].StartsWith("etcdserverpb.", StringComparison.Ordinal)))
        {
            Assert.True(series.TryGetValue(Series(sample), out var value), Series(sample));
            if (sample.Labels["grpc_method"] is "Put" or "DeleteRange") // no start-up probe calls these
            {
                Assert.Equal(sample.Value, value);
            }
        }
    }

    [Fact]
    public async Task Bytes_are_counted_as_etcd_counts_them()
    {
        await using var kine = await KineServer.StartNew();
        await using var etcd = await EtcdServer.StartNew();
        var put = new PutRequest { Key = ByteString.CopyFromUtf8("key"), Value = ByteString.CopyFrom(new byte[100_000]) };

        Assert.Equal(await ReceivedFor(etcd.Address, put), await ReceivedFor(kine.Address, put));
    }

    [Fact]
    public async Task Promtool_finds_no_fault_but_with_names_of_others()
    {
        await using var kine = await KineServer.StartNew();
        var checkedPage = await Command.Run("promtool", ["check", "metrics"], await PageAfterAPut(kine.Address));

        // .NET's own names are no matter of ours.
        var complaints = (checkedPage.Output + checkedPage.Errors).Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Where(line => !line.StartsWith("dotnet_", StringComparison.Ordinal) || !line.Contains("should not have \"_count\" suffix", StringComparison.Ordinal));
        Assert.Empty(complaints);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Prometheus_scrapes_what_clients_did(bool metricsAddress)
    {
        var kine = KineServer.Prepare();
        await using var server = kine;
        kine.MetricsAddress = $"127.0.0.1:{FreePort.Next()}";
        await kine.Start();
        await using var prometheus = new PrometheusServer(metricsAddress ? kine.MetricsAddress : kine.Address);
        await prometheus.Sees("up", 1);
        await prometheus.Sees("sum(grpc_server_handled_total{grpc_method=\"Put\"})", 0);
        using (var channel = new EtcdChannel(kine.Address))
        {
            for (var i = 0; i < 3; i++)
                await channel.Put(new PutRequest { Key = ByteString.CopyFromUtf8("key") });
        }

        await prometheus.Sees("sum(grpc_server_handled_total{grpc_method=\"Put\",grpc_code=\"OK\"})", 3);
        await prometheus.Sees("grpc_server_handling_seconds_count{grpc_method=\"Put\"}", 3);
        await prometheus.Sees("etcd_debugging_mvcc_current_revision", 4);
        await prometheus.Sees("etcd_server_has_leader", 1);
        await prometheus.Sees("scrape_samples_scraped > bool 1000", 1);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Prometheus_scrapes_over_tls_unless_told_not_to(bool ignored)
    {
        using var folder = new TempFolder();
        using var ca = new TestCa(folder.FullName);
        var (certificate, key) = ca.Issue("server", serverAuth: true);
        await using var server = await TestServer.Start(TestServer.Options with
        {
            ServerCertFile = certificate,
            ServerKeyFile = key,
            MetricsBindAddress = "127.0.0.1:0",
            MetricsIgnoreTlsConfig = ignored,
        });
        var metrics = new Uri(server.Server.Addresses[1]);
        await using var prometheus = new PrometheusServer(metrics.Authority, tls: !ignored);
        await using var other = new PrometheusServer(new Uri(server.Server.Addresses[0]).Authority, tls: true);

        await prometheus.Sees("etcd_server_has_leader", 1);
        await other.Sees("etcd_server_has_leader", 1);
    }

    [Fact]
    public async Task The_page_is_read_only()
    {
        await using var kine = await KineServer.StartNew();
        using var http = new HttpClient { BaseAddress = new Uri($"http://{kine.Address}") };

        using var head = new HttpRequestMessage(HttpMethod.Head, "/metrics");
        using var answer = await http.SendAsync(head);
        Assert.Equal((HttpStatusCode.OK, "text/plain"), (answer.StatusCode, answer.Content.Headers.ContentType!.MediaType));
        Assert.Empty(await answer.Content.ReadAsByteArrayAsync());

        using var post = await http.PostAsync(new Uri("/metrics", UriKind.Relative), null);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, post.StatusCode);
    }

    private static string Series(MetricSample sample) =>
        sample.Name + string.Concat(sample.Labels.OrderBy(l => l.Key, StringComparer.Ordinal).Select(l => $" {l.Key}={l.Value}"));

    private static List<(string Name, string Type, string Labels)> Shape(string page)
    {
        var samples = MetricSample.Parse(page);
        return [.. MetricSample.Types(page)
            .Select(m => (m.Key, m.Value, samples.First(s => s.Name == (m.Value is "histogram" or "summary" ? m.Key + "_count" : m.Key)).LabelNames))
            .OrderBy(m => m.Key, StringComparer.Ordinal)];
    }

    private static async Task<double> ReceivedFor(string address, PutRequest put)
    {
        const string name = "etcd_network_client_grpc_received_bytes_total";
        using var http = new HttpClient { BaseAddress = new Uri($"http://{address}") };
        using var channel = new EtcdChannel(address);
        var before = MetricSample.Parse(await http.GetStringAsync(new Uri("/metrics", UriKind.Relative)));
        await channel.Put(put);
        var after = MetricSample.Parse(await http.GetStringAsync(new Uri("/metrics", UriKind.Relative)));
        return after.Single(s => s.Name == name).Value - before.Single(s => s.Name == name).Value;
    }

    private static async Task<string> PageAfterAPut(string address)
    {
        using (var channel = new EtcdChannel(address))
        {
            await channel.Put(new PutRequest { Key = ByteString.CopyFromUtf8("key") });
        }

        using var http = new HttpClient();
        return await http.GetStringAsync(new Uri($"http://{address}/metrics"));
    }
}
