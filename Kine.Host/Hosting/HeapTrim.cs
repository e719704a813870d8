using Kine.Host.Grpc;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Kine.Host.Hosting;

/// <summary>
/// Gives the operating system back what the heap keeps after a start, a load or a burst, as Go's scavenger does. The collector by itself keeps the memory
/// until it collects everything again, and a server that has become quiet does not give it a reason to.
/// <code>
/// started, loaded or a burst    memory has grown; nothing is done while it allocates, since a trim stops all threads: 15 ms for an empty server,
///                               some 200 ms for a million keys
/// quiet                         trimmed
/// quiet a minute later          trimmed once more: pools give back what they did not need for a minute
/// quiet, thousands of calls have ended since    trimmed: what they held shows nowhere
/// quiet, as much allocated again as it has    trimmed: what was freed meanwhile, by a compaction for example, shows nowhere
/// busy, and a quarter larger than after the last trim    collected every half a minute beside the work, which stops nobody, and gives back most of it
/// </code>
/// </summary>
/// <param name="openCalls">Calls under way now.</param>
/// <param name="pools">Memory of connections.</param>
/// <param name="time">The clock.</param>
/// <param name="log">Told of trims.</param>
internal sealed class HeapTrim(Func<int> openCalls, BlockPools pools, TimeProvider time, ILogger log) : BackgroundService
{
    private const long MinGrowth = 16 << 20; // bytes
    private const int GrowthShare = 8; // of the memory has to be new
    private const int BusyGrowthShare = 4; // of the memory has to be new
    private const long CallBytes = 8 << 10; // that a call holds, or more
    private const int QuietShare = 256; // of the memory is allocated in a period at most: some ten small requests a second
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(75);
    private static readonly TimeSpan BusyPause = TimeSpan.FromSeconds(30);

    private long _allocated = long.MaxValue; // until the last look
    private long _resident; // bytes after the last trim
    private long _allocatedThen; // until the last trim
    private long _trimmedAt; // a time stamp
    private int _openThen; // calls, at the last trim
    private long _collectedAt; // a time stamp
    private bool _again; // pools have something left to give

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
        if (_allocated < before)
            return;

        var growth = resident - _resident;
        if (_allocated - before > resident / QuietShare)
        {
            if (growth >= Math.Max(MinGrowth, _resident / BusyGrowthShare) && time.GetElapsedTime(_collectedAt) >= BusyPause)
                Collect();

            return;
        }

        var leastGrowth = Math.Max(MinGrowth, _resident / GrowthShare);
        if (growth >= leastGrowth || (_openThen - openCalls()) * CallBytes >= leastGrowth)
            Trim(resident, again: true);
        else if ((_again || _allocated - _allocatedThen >= resident) && time.GetElapsedTime(_trimmedAt) >= Pause)
            Trim(resident, again: false);
    }

    private void Collect()
    {
        pools.Trim();
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: false);
        _collectedAt = time.GetTimestamp();
    }

    private void Trim(long resident, bool again)
    {
        var start = time.GetTimestamp();
        pools.Trim();
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        (_resident, _allocatedThen, _trimmedAt, _again) = (Environment.WorkingSet, _allocated, time.GetTimestamp(), again);
        _openThen = openCalls();
        log.LogDebug("The heap was trimmed: {Before} bytes resident before, {After} after, {Time}", resident, _resident, time.GetElapsedTime(start));
    }
}
