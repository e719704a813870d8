namespace Kine.Host.Grpc;

/// <summary>
/// Messages in both directions, in any order. The handler owns the call until its task ends:
/// <code>
/// while (await call.Read(WatchRequest.Parser) is { } request)       // null: the client has ended its side
/// {
///     call.WriteMessage(reply);                                     // a whole message, or
///     call.BeginMessage(length);                                    // one in pieces: its body's length, then exactly that many bytes
///     call.Write(head); call.Write(sharedEvent.Span);
///     await call.Flush();                                           // sends, and waits for a slow client
/// }
/// </code>
/// Reading and writing may go on in two tasks, if the handler awaits both. Returning ends the call with OK, throwing an EtcdException with its status. The
/// token of the call fires when the client goes, the deadline passes or the server stops; an <see cref="OperationCanceledException"/> let out
/// ends the call with the status that fits (Unavailable <c>etcdserver: server stopped</c> in the last case).
/// </summary>
/// <param name="service">For example etcdserverpb.Watch.</param>
/// <param name="name">For example Watch.</param>
/// <param name="handler">Serves one stream.</param>
internal sealed class DuplexMethod(string service, string name, Func<GrpcCall, Task> handler) : GrpcMethod(service, name, "bidi_stream")
{
    public override async Task Invoke(GrpcCall call)
    {
        call.Begin(this);
        try
        {
            call.ReadEncoding();
            call.WatchClient();
            call.WatchServer();
            await handler(call);
            call.Succeed(this);
        }
        catch (Exception e)
        {
            call.Fail(this, e);
        }
    }
}
