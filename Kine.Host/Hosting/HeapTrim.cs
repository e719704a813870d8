using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Kine.Host.Hosting;

/// <summary>
/// Gives the operating system back what the heap keeps after a start, a load or a burst, as Go's scavenger does. The collector by itself keeps the memory
/// until it collects everything again, and a server that has become quiet does not give it a reason to.
/// <code>
/// started, loaded or a burst    memory has grown; nothing is done while it allocates, since a trim stops all threads
/// quiet                         trimmed once: 20 ms for an empty server, 200 ms for a million keys
/// grown again by an eighth      trimmed once more at the next quiet moment
/// </code>
/// </summary>
internal sealed class HeapTrim(TimeProvider time, ILogger log) : BackgroundService
{
    private const long MinGrowth = 16 << 20; // bytes
    private const int GrowthShare = 8; // of the memory has to be new
    private const int QuietShare = 32; // of the memory is allocated in a period at most
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(5);

    private long _allocated = long.MaxValue; // until the last look
    private long _trimmed; // resident bytes after the last trim

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
                Look();
        }
        catch (OperationCanceledException)
        {
        }
    }

    private void Look()
    {
        var before = _allocated;
        _allocated = GC.GetTotalAllocatedBytes();
        var resident = Environment.WorkingSet; // the collector's own figures are those of its last run
        var isQuiet = _allocated >= before && _allocated - before <= resident / QuietShare;
        if (!isQuiet || resident - _trimmed < Math.Max(MinGrowth, _trimmed / GrowthShare))
            return;

        var start = time.GetTimestamp();
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        _trimmed = Environment.WorkingSet;
        log.LogDebug("The heap was trimmed: {Before} bytes resident before, {After} after, {Time}", resident, _trimmed, time.GetElapsedTime(start));
    }
}
