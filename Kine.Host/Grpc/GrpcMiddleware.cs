using System.Collections.Frozen;
using System.Globalization;
using Grpc.Core;
using Kine.Grains;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;

namespace Kine.Host.Grpc;

/// <summary>
/// Stands before the library: requests that are not gRPC go to the web pages, those that are no call get etcd's errors, and each call is counted and gets the
/// bounds that the library does not have.
/// </summary>
/// <param name="methods">The methods by path.</param>
/// <param name="partials">The room for messages that are not whole yet.</param>
/// <param name="web">Answers requests that are not gRPC.</param>
/// <param name="stopping">Fires when the server begins to stop; streams end then.</param>
/// <param name="time">For the time that a call takes.</param>
internal sealed class GrpcMiddleware(
    FrozenDictionary<string, GrpcMethod> methods,
    PartialMessages partials,
    RequestDelegate web,
    CancellationToken stopping,
    TimeProvider time)
{
    private const string GrpcType = "application/grpc";
    private const string Identity = "identity";
    private const int MaxTimeoutDigits = 8;
    private const int LeastNanoseconds = 100; // the library takes less for no timeout at all

    private readonly HashSet<string> _services = methods.Keys.Select(path => path[1..path.LastIndexOf('/')]).ToHashSet(StringComparer.Ordinal);

    private int _streams;
    private int _unary; // apart: streams that idle leave room for these

    /// <summary>Calls under way.</summary>
    public int OpenCalls => Volatile.Read(ref _streams) + Volatile.Read(ref _unary);

    /// <summary>Where the status of a call goes: behind its messages, or into the headers when it has none.</summary>
    public static IHeaderDictionary Trailers(HttpResponse response) =>
        response.HasStarted ? response.HttpContext.Features.GetRequiredFeature<IHttpResponseTrailersFeature>().Trailers : response.Headers;

    /// <summary>Answers one request.</summary>
    public Task Invoke(HttpContext context)
    {
        var request = context.Request;
        if (!HttpProtocol.IsHttp2(request.Protocol) || HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method))
            return web(context);

        var contentType = request.Headers.ContentType.ToString();
        if (!IsGrpc(contentType))
            return Refuse(context, GrpcErrors.BadContentType(contentType), StatusCodes.Status415UnsupportedMediaType);

        if (!HttpMethods.IsPost(request.Method))
            return Refuse(context, GrpcErrors.BadVerb(request.Method), StatusCodes.Status405MethodNotAllowed);

        if (!TryReadTimeout(request.Headers.GrpcTimeout, out var isOver))
            return Refuse(context, GrpcErrors.BadTimeout(request.Headers.GrpcTimeout.ToString()), StatusCodes.Status400BadRequest);

        var path = request.Path.Value!;
        return methods.TryGetValue(path, out var method) ? Call(context, method, isOver) : Refuse(context, Unknown(path));
    }

    private async Task Call(HttpContext context, GrpcMethod method, bool isOver)
    {
        var start = time.GetTimestamp();
        var stats = method.Stats;
        var request = context.Request.Headers;
        var encoding = request.GrpcEncoding.ToString();
        var compressed = encoding == BoundedGzip.Name;
        stats.Begin();
        try
        {
            if (Interlocked.Increment(ref stats.IsStream ? ref _streams : ref _unary) > GrpcLimits.MaxCalls)
            {
                await Refuse(context, GrpcErrors.Of(EtcdErrors.TooManyRequests));
                return;
            }

            if (isOver)
            {
                await Refuse(context, GrpcErrors.DeadlineExceeded);
                return;
            }

            if (!compressed && encoding is not ("" or Identity))
            {
                context.Response.Headers.GrpcAcceptEncoding = $"{Identity},{BoundedGzip.Name}";
                await Refuse(context, GrpcErrors.UnknownEncoding(encoding));
                return;
            }

            // As grpc-go does: the reply is compressed when the request may be, whatever else the client takes.
            request.GrpcAcceptEncoding = compressed ? BoundedGzip.Name : StringValues.Empty;
            if (request.GrpcTimeout.Count != 0)
            {
                var features = context.Features;
                var reply = new DeadlineReply(
                    features.GetRequiredFeature<IHttpResponseBodyFeature>(), features.GetRequiredFeature<IHttpResetFeature>(), context.Response);
                features.Set<IHttpResponseBodyFeature>(reply);
                features.Set<IHttpResetFeature>(reply);
            }

            if (request.ContentType.ToString().Length > GrpcType.Length)
                KeepSubtype(context, request.ContentType);

            using var body = new RequestBody(context.Request.BodyReader, method.Type is MethodType.Unary or MethodType.ServerStreaming, compressed, partials);
            context.Features.Set<IRequestBodyPipeFeature>(body);
            if (stats.IsStream)
            {
                using var ending = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, stopping);
                context.RequestAborted = ending.Token;
                await method.Run(context);
            }
            else
            {
                await method.Run(context);
            }
        }
        finally
        {
            Interlocked.Decrement(ref stats.IsStream ? ref _streams : ref _unary);
            var code = int.TryParse(Trailers(context.Response).GrpcStatus.ToString(), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
                ? (StatusCode)number
                : StatusCode.Unknown;
            stats.End(code, time.GetElapsedTime(start));
        }
    }

    private static bool IsGrpc(string contentType) =>
        contentType.Equals(GrpcType, StringComparison.OrdinalIgnoreCase)
        || (contentType.StartsWith(GrpcType, StringComparison.OrdinalIgnoreCase) && contentType[GrpcType.Length] is '+' or ';');

    // Up to eight digits and a unit.
    private static bool TryReadTimeout(StringValues header, out bool isOver)
    {
        isOver = false;
        if (header.Count == 0)
            return true;

        var text = header.ToString();
        if (text.Length is < 2 or > MaxTimeoutDigits + 1
            || !int.TryParse(text.AsSpan(..^1), NumberStyles.None, CultureInfo.InvariantCulture, out var amount)
            || text[^1] is not ('H' or 'M' or 'S' or 'm' or 'u' or 'n'))
        {
            return false;
        }

        isOver = amount == 0 || (text[^1] == 'n' && amount < LeastNanoseconds);
        return true;
    }

    private static void KeepSubtype(HttpContext context, StringValues contentType)
    {
        if (contentType.ToString()[GrpcType.Length] == '+')
        {
            context.Response.OnStarting(() =>
            {
                context.Response.Headers.ContentType = contentType;
                return Task.CompletedTask;
            });
        }
    }

    private static Task Refuse(HttpContext context, RpcException error, int httpStatus = StatusCodes.Status200OK)
    {
        var text = error.Status.Detail;
        context.Response.StatusCode = httpStatus;
        context.Response.ContentType = GrpcType;
        context.Response.Headers.GrpcStatus = ((int)error.StatusCode).ToString();
        context.Response.Headers.GrpcMessage = text.All(c => c is >= ' ' and <= '~' and not '%') ? text : Uri.EscapeDataString(text);
        return Task.CompletedTask;
    }

    private RpcException Unknown(string path)
    {
        var slash = path.LastIndexOf('/');
        if (slash <= 0)
            return GrpcErrors.BadPath(path);

        var service = path[1..slash];
        return _services.Contains(service) ? GrpcErrors.UnknownMethod(service, path[(slash + 1)..]) : GrpcErrors.UnknownService(service);
    }
}
