using Kine.Grains;
using Kine.Host.Metrics;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Kine.Host.Grpc;

/// <summary>
/// One gRPC call on one HTTP/2 stream: its metadata, its messages in (GrpcCall.Reading) and out (GrpcCall.Writing), and its end (GrpcCall.Ending).
/// <para>One reader and one writer may work at the same time, but no two of a kind. Nothing of a call may be touched after its handler's task has
/// ended: the server uses the stream again.</para>
/// </summary>
internal sealed partial class GrpcCall
{
    private const string ContentTypeGrpc = "application/grpc";

    private readonly IFeatureCollection _features;
    private readonly GrpcContext _context;
    private readonly IHttpResponseFeature _response;
    private readonly long _startTime;
    private CallStats? _stats;
    private CallCancellation? _cancellation;
    private TimeSpan? _timeout;
    private bool _watched;

    public GrpcCall(IFeatureCollection features, GrpcContext context)
    {
        _features = features;
        _context = context;
        _startTime = context.Time.GetTimestamp();
        Request = features.GetRequiredFeature<IHttpRequestFeature>();
        _response = features.GetRequiredFeature<IHttpResponseFeature>();
        _input = features.GetRequiredFeature<IRequestBodyPipeFeature>().Reader;
        Output = features.GetRequiredFeature<IHttpResponseBodyFeature>().Writer;
    }

    /// <summary>The HTTP request; its headers are the call's metadata.</summary>
    public IHttpRequestFeature Request { get; }

    /// <summary>Counts the call and its messages for that method.</summary>
    public void Begin(GrpcMethod method)
    {
        _stats = method.Stats;
        _stats.Begin();
    }

    /// <summary>
    /// Fires when the client cancels or goes, or the deadline passes; for streaming calls also when the server stops. A handler lets the
    /// <see cref="OperationCanceledException"/> out, and the call ends with the status that fits.
    /// </summary>
    public CancellationToken CancellationToken => (_cancellation ??= new CallCancellation()).Token;

    /// <summary>
    /// Lets the token fire when the deadline passes or the client goes. Set up only for calls that have to wait, for it costs as much as a small call.
    /// </summary>
    public void WatchClient()
    {
        if (_watched)
        {
            return;
        }

        _watched = true;
        var cancellation = _cancellation ??= new CallCancellation();
        cancellation.WatchClient(_features.GetRequiredFeature<IHttpRequestLifetimeFeature>().RequestAborted);
        if (_timeout is { } timeout)
        {
            cancellation.WatchDeadline(timeout - _context.Time.GetElapsedTime(_startTime), _context.Time);
        }
    }

    /// <summary>Lets the token fire when the server stops.</summary>
    public void WatchServer() => (_cancellation ??= new CallCancellation()).WatchServer(_context.Stopping);

    /// <summary>Reads the deadline from the metadata; false when it is malformed.</summary>
    public bool TryReadTimeout()
    {
        var header = Request.Headers.GrpcTimeout;
        if (header.Count == 0)
        {
            return true;
        }

        if (!GrpcTimeout.TryParse(header.ToString(), out var timeout))
        {
            return false;
        }

        _timeout = timeout;
        return true;
    }

    /// <summary>Reads from the metadata how messages are encoded.</summary>
    /// <exception cref="EtcdException">In a way that is unknown here.</exception>
    public void ReadEncoding()
    {
        var header = Request.Headers.GrpcEncoding;
        if (header.Count == 0)
        {
            return;
        }

        switch (header.ToString())
        {
            case "" or "identity":
                break;
            case GzipCodec.Name:
                _gzip = true;
                break;
            case var other:
                _response.Headers.GrpcAcceptEncoding = $"identity,{GzipCodec.Name}";
                throw GrpcErrors.UnknownEncoding(other);
        }
    }

    /// <summary>True when the content type names gRPC, with any sub-type.</summary>
    public static bool IsGrpc(string contentType) =>
        contentType.Equals(ContentTypeGrpc, StringComparison.OrdinalIgnoreCase)
        || (contentType.StartsWith(ContentTypeGrpc, StringComparison.OrdinalIgnoreCase) && contentType[ContentTypeGrpc.Length] is '+' or ';');
}
