using System.Text;
using System.Text.Json;
using Kine.Etcd;
using Kine.Grains;
using Kine.Grains.Cluster;
using Kine.Host.Metrics;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Kine.Host.Web;

/// <summary>The pages beside gRPC, as etcd has them: /health, /livez, /readyz, /version and /metrics.</summary>
/// <param name="api">Asked for health.</param>
/// <param name="metrics">Answers /metrics.</param>
/// <param name="etcdVersion">The version told by /version, for example 3.6.11.</param>
/// <param name="time">For the time limit of a health question.</param>
/// <param name="logger">Told of pages that fail.</param>
internal sealed class WebPages(IEtcdApi api, ServerMetrics metrics, string etcdVersion, TimeProvider time, ILogger logger)
{
    private const string Json = "application/json";
    private const string Plain = "text/plain; charset=utf-8";

    private static readonly TimeSpan HealthTimeout = TimeSpan.FromSeconds(1);

    /// <summary>Answers one request.</summary>
    public async Task Answer(HttpContext context)
    {
        var request = context.Request;
        var aborted = context.RequestAborted;
        try
        {
            if (request.Path == "/metrics" && IsRead(request))
            {
                await metrics.Answer(context);
                return;
            }

            var page = IsRead(request)
                ? await Find(request, aborted)
                : new Page(StatusCodes.Status405MethodNotAllowed, Plain, "Method Not Allowed\n");
            await Send(context.Response, page, HttpMethods.IsHead(request.Method));
        }
        catch (OperationCanceledException) when (aborted.IsCancellationRequested)
        {
            logger.LogDebug("the client of {Path} went before its answer", request.Path);
        }
    }

    private static bool IsRead(HttpRequest request) => HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method);

    private static async Task Send(HttpResponse response, Page page, bool headOnly)
    {
        var body = Encoding.UTF8.GetBytes(page.Body);
        response.StatusCode = page.Status;
        response.Headers.ContentType = page.ContentType;
        response.Headers.ContentLength = body.Length;
        if (!headOnly)
            await response.BodyWriter.WriteAsync(body);
    }

    private async Task<Page> Find(HttpRequest request, CancellationToken aborted) => request.Path.Value switch
    {
        "/health" => await Health(request.QueryString.Value!, aborted),
        "/readyz" => (await Unhealthy(serializable: false, [], aborted)) is { } reason
            ? new Page(StatusCodes.Status503ServiceUnavailable, Plain, $"{reason}\n")
            : new Page(StatusCodes.Status200OK, Plain, "ok\n"),
        "/livez" => new Page(StatusCodes.Status200OK, Plain, "ok\n"),
        "/version" => new Page(StatusCodes.Status200OK, Json, VersionJson()),
        _ => new Page(StatusCodes.Status404NotFound, Plain, "404 page not found\n"),
    };

    private async Task<Page> Health(string query, CancellationToken aborted)
    {
        var parameters = query.TrimStart('?').Split('&');
        var excluded = parameters.Where(p => p.StartsWith("exclude=", StringComparison.Ordinal)).Select(p => p["exclude=".Length..]).ToHashSet();
        var reason = await Unhealthy(parameters.Contains("serializable=true"), excluded, aborted);
        var body = $$"""{"health":"{{(reason is null ? "true" : "false")}}","reason":"{{JsonEncodedText.Encode(reason ?? string.Empty)}}"}""";
        return new Page(reason is null ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable, Json, body);
    }

    private async Task<string?> Unhealthy(bool serializable, HashSet<string> excluded, CancellationToken aborted)
    {
        using var timeout = new CancellationTokenSource(HealthTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, aborted);
        try
        {
            var alarms = await api.Alarm(new AlarmRequest { Action = AlarmRequest.Types.AlarmAction.Get }, either.Token);
            foreach (var alarm in alarms.Alarms)
            {
                var name = alarm.Alarm.ToString().ToUpperInvariant();
                if (!excluded.Contains(name))
                    return $"ALARM {name}";
            }

            var probe = new RangeRequest { Key = Google.Protobuf.ByteString.CopyFromUtf8("health"), Serializable = serializable, Limit = 1 };
            using var reply = await api.Range(probe, either.Token);
            if (reply.Rest is { } rest)
                await rest.GetAsyncEnumerator(CancellationToken.None).DisposeAsync();

            return null;
        }
        catch (EtcdException e)
        {
            return $"RANGE ERROR:{e.Message}";
        }
        catch (OperationCanceledException) when (!aborted.IsCancellationRequested)
        {
            return "RANGE ERROR:etcdserver: request timed out";
        }
    }

    private string VersionJson()
    {
        var parts = etcdVersion.Split('.');
        var cluster = parts.Length >= 2 ? $"{parts[0]}.{parts[1]}.0" : etcdVersion;
        return $$"""{"etcdserver":"{{JsonEncodedText.Encode(etcdVersion)}}","etcdcluster":"{{JsonEncodedText.Encode(cluster)}}"}""";
    }

    private sealed record Page(int Status, string ContentType, string Body);
}
