using Microsoft.Extensions.Logging;

namespace Kine.Backends.Nats;

/// <summary>Logs requests that took long.</summary>
internal sealed class SlowRequests(NatsOptions options, ILogger log)
{
    /// <param name="what">What it was, for people.</param>
    /// <param name="started"><see cref="Environment.TickCount64"/> then.</param>
    public void Report(string what, long started)
    {
        var milliseconds = Environment.TickCount64 - started;
        if (options.SlowMethod > TimeSpan.Zero && milliseconds > options.SlowMethod.TotalMilliseconds)
            log.LogInformation("Slow NATS {What}: {Milliseconds} ms", what, milliseconds);
    }
}
