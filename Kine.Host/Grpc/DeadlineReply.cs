using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Kine.Host.Grpc;

/// <summary>
/// The response of a call that has a deadline. When it passes, the library sets the status, completes the response and then resets the stream. Here the
/// status gets etcd's text, a client that does not read is waited for no longer than a moment, and one that got the status sees no error in the reset.
/// </summary>
internal sealed class DeadlineReply(IHttpResponseBodyFeature inner, IHttpResetFeature reset, HttpResponse response) : IHttpResponseBodyFeature, IHttpResetFeature
{
    private const int NoError = 0; // HTTP/2 error code

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private bool _isSent;

    public Stream Stream => inner.Stream;

    public PipeWriter Writer => inner.Writer;

    public void DisableBuffering() => inner.DisableBuffering();

    public Task SendFileAsync(string path, long offset, long? count, CancellationToken cancellationToken = default) =>
        inner.SendFileAsync(path, offset, count, cancellationToken);

    public Task StartAsync(CancellationToken cancellationToken = default) => inner.StartAsync(cancellationToken);

    public async Task CompleteAsync()
    {
        GrpcMiddleware.Trailers(response).GrpcMessage = GrpcErrors.DeadlineText;
        var sent = inner.CompleteAsync();
        if (await Task.WhenAny(sent, Task.Delay(Patience)) == sent)
        {
            await sent;
            _isSent = true;
        }
        else
        {
            _ = sent.ContinueWith(static late => late.Exception, TaskScheduler.Default); // It fails when the stream is reset.
        }
    }

    public void Reset(int errorCode) => reset.Reset(_isSent ? NoError : errorCode);
}
