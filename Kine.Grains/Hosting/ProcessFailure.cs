using Microsoft.Extensions.Hosting;

namespace Kine.Grains.Hosting;

/// <summary>Why the process cannot go on, when its writer says so; the host then stops.</summary>
public sealed class ProcessFailure(IHostApplicationLifetime lifetime)
{
    private string? _reason;

    /// <summary>The sentence that says why; null while all is well.</summary>
    public string? Reason => Volatile.Read(ref _reason);

    /// <summary>Stops the host; the first reason stands.</summary>
    public void Report(string reason)
    {
        if (Interlocked.CompareExchange(ref _reason, reason, null) is null)
            Task.Run(lifetime.StopApplication); // what ends with the process does so on the thread that stops it
    }
}
