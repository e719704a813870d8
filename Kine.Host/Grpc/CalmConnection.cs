using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.Extensions.Logging;

namespace Kine.Host.Grpc;

/// <summary>
/// Ends an HTTP/2 connection that only costs: GOAWAY with ENHANCE_YOUR_CALM, and nothing after it. Kestrel bounds what a client has open, but not how often it
/// opens and resets, nor how many empty frames it sends.
/// </summary>
/// <param name="time">The clock.</param>
/// <param name="log">Told whose connection was ended.</param>
internal sealed class CalmConnection(TimeProvider time, ILogger log)
{
    // The client has that long to take what says so: when a connection is closed with bytes that nobody read, the operating system drops what it had to send.
    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(1);

    /// <summary>Serves the connection until it ends, or should.</summary>
    public async Task OnConnection(ConnectionContext connection, ConnectionDelegate next)
    {
        if (connection.Features.Get<ITlsApplicationProtocolFeature>() is not { } chosen || !chosen.ApplicationProtocol.Span.SequenceEqual("h2"u8))
        {
            await next(connection);
            return;
        }

        var transport = connection.Transport;
        var budget = new FrameBudget(time);
        var output = new CalmWriter(transport.Output, budget);
        using var input = new CalmReader(transport.Input, budget, output, End, time);
        connection.Transport = new Pipes(input, output);
        try
        {
            await next(connection);
        }
        finally
        {
            connection.Transport = transport;
            if (budget.IsSpent)
                await Task.Delay(LastWords, time, connection.ConnectionClosed).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        ITimer End()
        {
            log.LogWarning("A connection was ended, whose frames only cost, such as resets, pings, and frames without content: {Address}", connection.RemoteEndPoint);
            return time.CreateTimer(
                static state => ((ConnectionContext)state!).Abort(new ConnectionAbortedException()), connection, LastWords, Timeout.InfiniteTimeSpan);
        }
    }

    private sealed record Pipes(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
