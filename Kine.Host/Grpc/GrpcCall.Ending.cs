using System.Globalization;
using Kine.Backends;
using Kine.Grains;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;

namespace Kine.Host.Grpc;

internal sealed partial class GrpcCall
{
    private const int ResetInternalError = 2; // HTTP/2 error code INTERNAL_ERROR

    private static readonly string[] StatusTexts =
        [.. Enumerable.Range(0, (int)StatusCode.Unauthenticated + 1).Select(code => code.ToString(CultureInfo.InvariantCulture))];

    private bool ClientIsGone => _features.GetRequiredFeature<IHttpRequestLifetimeFeature>().RequestAborted.IsCancellationRequested;

    /// <summary>Ends the call well.</summary>
    public void Succeed(GrpcMethod method)
    {
        if (_openBytes != 0)
        {
            throw new InvalidOperationException("The last message was not written to its end.");
        }

        End(StatusCode.Ok, string.Empty);
        Close(method, StatusCode.Ok);
    }

    /// <summary>Ends the call with what the exception stands for. Faults of our own are logged, and the client is told nothing of them.</summary>
    public void Fail(GrpcMethod method, Exception exception)
    {
        var error = exception switch
        {
            EtcdException etcd => etcd,
            OperationCanceledException => _cancellation?.Error ?? GrpcErrors.Cancelled,
            IOException => GrpcErrors.Cancelled, // of the request's pipe, which learns of a reset before the request's token does
            StoreUnavailableException => Unavailable(method, exception),
            _ when ClientIsGone => GrpcErrors.Cancelled,
            _ => Fault(method, exception),
        };
        if (_openBytes != 0)
        {
            // Part of a message is out: only a reset tells the client that the rest never comes.
            _features.GetRequiredFeature<IHttpResetFeature>().Reset(ResetInternalError);
        }
        else
        {
            End(error.Code, error.Message);
        }

        Close(method, error.Code);
    }

    /// <summary>Ends a call that never reached a method.</summary>
    /// <param name="error">What to answer.</param>
    /// <param name="httpStatus">HTTP status code, 200 when the fault is gRPC's alone.</param>
    public void Refuse(EtcdException error, int httpStatus = StatusCodes.Status200OK)
    {
        _response.StatusCode = httpStatus;
        End(error.Code, error.Message);
        _cancellation?.Release();
    }

    private EtcdException Unavailable(GrpcMethod method, Exception exception)
    {
        _context.Logger.LogWarning("{Method} could not read the store: {Reason}", method.Path, exception.Message);
        return EtcdErrors.TimedOut;
    }

    private EtcdException Fault(GrpcMethod method, Exception exception)
    {
        _context.Logger.LogError(exception, "{Method} failed", method.Path);
        return GrpcErrors.Fault;
    }

    private void End(StatusCode code, string message)
    {
        IHeaderDictionary trailers;
        if (_wrote)
        {
            trailers = _features.GetRequiredFeature<IHttpResponseTrailersFeature>().Trailers;
        }
        else
        {
            // Nothing was written: the status goes with the headers, in one frame that ends the stream.
            WriteHeaders();
            trailers = _response.Headers;
        }

        trailers.GrpcStatus = StatusTexts[(int)code];
        if (message.Length != 0)
        {
            trailers.GrpcMessage = PercentEncoding.Encode(message);
        }
    }

    private void Close(GrpcMethod method, StatusCode code)
    {
        _cancellation?.Release();
        method.Stats.End(code, _context.Time.GetElapsedTime(_startTime));
    }

    private void WriteHeaders()
    {
        var contentType = Request.Headers.ContentType.ToString();
        _response.Headers.ContentType = contentType.Length > ContentTypeGrpc.Length && contentType[ContentTypeGrpc.Length] == '+'
            ? contentType
            : ContentTypeGrpc;
        if (_gzip)
        {
            _response.Headers.GrpcEncoding = GzipCodec.Name;
        }

        _wrote = true;
    }

    private CancellationToken WatchedToken()
    {
        WatchClient();
        return CancellationToken;
    }
}
