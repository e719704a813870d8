using Google.Protobuf;
using Kine.Etcd;
using Kine.Host.Client;
using Kine.Tests.Wire;

namespace Kine.Tests.Chaos;

/// <summary>Watches a range through one process, and goes on behind the last revision that it saw when the stream breaks.</summary>
internal sealed class WatchClient(string address, WatchLog log, Recording recording)
{
    private const int ProgressEvery = 20; // replies
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    private long _last;

    public string Address => address;

    /// <summary>The last revision that it saw.</summary>
    public long Last => Volatile.Read(ref _last);

    /// <summary>Watches until it has seen that revision, or is stopped.</summary>
    public async Task Run(long until, CancellationToken stop)
    {
        using var channel = new EtcdChannel(address);
        while (Last < until && !stop.IsCancellationRequested)
        {
            try
            {
                await Follow(channel, until, stop);
            }
            catch (Exception broken) when (broken is RpcException or OperationCanceledException or InvalidOperationException)
            {
                await Task.Delay(Pause, CancellationToken.None);
            }
        }
    }

    private async Task Follow(EtcdChannel channel, long until, CancellationToken stop)
    {
        var create = new WatchCreateRequest
        {
            Key = ByteString.CopyFromUtf8(log.From),
            RangeEnd = ByteString.CopyFromUtf8(log.To),
            StartRevision = Math.Max(log.Start, Last + 1),
        };
        using var call = await channel.Watch(create, stop);
        for (var replies = 1; Last < until; replies++)
        {
            if (await call.Read(stop) is not { } reply)
                return;

            if (reply.Canceled)
            {
                if (reply.CompactRevision > 0)
                    recording.Add(new Violation(Fault.WatchGap, $"{log.Name} was canceled: {reply}"));

                return;
            }

            foreach (var change in reply.Events)
                log.Add(change.Kv.ModRevision, EtcdSteps.Change(change), Recording.Now);

            if (reply.Events.Count > 0)
                Volatile.Write(ref _last, reply.Events[^1].Kv.ModRevision);
            else
                log.AddProgress(reply.Header.Revision, Recording.Now);

            if (replies % ProgressEvery == 0)
                await call.Write(new WatchRequest { ProgressRequest = new WatchProgressRequest() }, stop);
        }
    }
}
