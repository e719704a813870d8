using System.Text.Json;

namespace Kine.Tests.Servers;

/// <summary>A real Prometheus that scrapes one address once a second.</summary>
public sealed class PrometheusServer : IAsyncDisposable
{
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(60);

    private readonly TempFolder _folder = new();
    private readonly string _address = $"127.0.0.1:{FreePort.Next()}";
    private readonly HttpClient _http = new();
    private readonly RunningProcess _process;

    /// <param name="target">host:port to scrape.</param>
    /// <param name="tls">True to scrape over TLS, whoever the certificate names.</param>
    public PrometheusServer(string target, bool tls = false)
    {
        File.WriteAllText(_folder["prometheus.yml"], $"""
            scrape_configs:
              - job_name: kine
                scrape_interval: 1s
                scheme: {(tls ? "https" : "http")}
                tls_config: {"{"} insecure_skip_verify: true {"}"}
                static_configs: [{"{"} targets: ["{target}"] {"}"}]
            """);
        _process = RunningProcess.Start("prometheus",
        [
            $"--config.file={_folder["prometheus.yml"]}", $"--storage.tsdb.path={_folder["data"]}", $"--web.listen-address={_address}",
        ]);
    }

    /// <summary>The value of the expression, which has one series, once it has the wanted one.</summary>
    /// <exception cref="TimeoutException">It did not come to that.</exception>
    public async Task Sees(string expression, double value)
    {
        var deadline = DateTime.UtcNow + AnswerLimit;
        var last = "no answer";
        while (DateTime.UtcNow < deadline)
        {
            try
            {
                last = await _http.GetStringAsync(new Uri($"http://{_address}/api/v1/query?query={Uri.EscapeDataString(expression)}"));
                using var answer = JsonDocument.Parse(last);
                var series = answer.RootElement.GetProperty("data").GetProperty("result");
                if (series.GetArrayLength() == 1 && double.Parse(series[0].GetProperty("value")[1].GetString()!, null) == value)
                    return;
            }
            catch (HttpRequestException)
            {
                Assert.False(_process.HasExited, _process.Output);
            }

            await Task.Delay(200);
        }

        throw new TimeoutException($"{expression} never was {value}: {last}\n{_process.Output}");
    }

    public async ValueTask DisposeAsync()
    {
        await _process.Kill();
        _process.Dispose();
        _http.Dispose();
        _folder.Dispose();
    }
}
