using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Kine.Host.Grpc;

/// <summary>What Kestrel runs for each request: gRPC calls by the method table, everything else by the web pages.</summary>
/// <param name="methods">The gRPC methods.</param>
/// <param name="context">What the calls share.</param>
/// <param name="web">Answers requests that are not gRPC (health, version, metrics).</param>
internal sealed class GrpcApplication(MethodTable methods, GrpcContext context, Func<IFeatureCollection, Task> web) : IHttpApplication<IFeatureCollection>
{
    public IFeatureCollection CreateContext(IFeatureCollection contextFeatures) => contextFeatures;

    public void DisposeContext(IFeatureCollection context, Exception? exception)
    {
        // Nothing is held beyond the task of the request.
    }

    public Task ProcessRequestAsync(IFeatureCollection features)
    {
        var request = features.GetRequiredFeature<IHttpRequestFeature>();
        if (!HttpProtocol.IsHttp2(request.Protocol) || HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method))
        {
            return web(features);
        }

        var call = new GrpcCall(features, context);
        var contentType = request.Headers.ContentType.ToString();
        if (!GrpcCall.IsGrpc(contentType))
        {
            call.Refuse(GrpcErrors.BadContentType(contentType), StatusCodes.Status415UnsupportedMediaType);
        }
        else if (!HttpMethods.IsPost(request.Method))
        {
            call.Refuse(GrpcErrors.BadVerb(request.Method), StatusCodes.Status405MethodNotAllowed);
        }
        else if (!call.TryReadTimeout())
        {
            call.Refuse(GrpcErrors.BadTimeout(request.Headers.GrpcTimeout.ToString()), StatusCodes.Status400BadRequest);
        }
        else if (methods.TryFind(request.Path, out var method))
        {
            return method.Invoke(call);
        }
        else
        {
            call.Refuse(methods.Unknown(request.Path));
        }

        return Task.CompletedTask;
    }
}
