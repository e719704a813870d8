using Microsoft.Extensions.Hosting;

namespace Kine.Grains.Hosting;

/// <summary>Why the process cannot go on, when its writer says so; the host then stops.</summary>
public sealed class ProcessFailure(IHostApplicationLifetime lifetime)
{
    private string? _reason;

    /// <summary>The sentence that says why; null while all is well.</summary>
    public string? Reason => Volatile.Read(ref _reason);

    /// <summary>True when nothing is left that could be ended in good order.</summary>
    public bool IsLost { get; private set; }

    /// <summary>The same as <see cref="Report"/> for a process that the others have given up.</summary>
    public void ReportLost(string reason)
    {
        IsLost = true;
        Report(reason);
    }

    /// <summary>Stops the host; the first reason stands.</summary>
    public void Report(string reason)
    {
        if (Interlocked.CompareExchange(ref _reason, reason, null) is null)
            Task.Run(lifetime.StopApplication); // what ends with the process does so on the thread that stops it
    }
}
