using Kine.Backends;
using Kine.Grains.Fencing;
using Kine.Grains.Reads;
using Kine.Grains.Watch;
using Kine.Grains.Writing;
using Microsoft.Extensions.Logging;

namespace Kine.Grains.Cluster;

/// <summary>
/// One a process: brings the writer's event batches into a process that does not hold the writer, to its watches and its replica. It subscribes anew
/// every second or sooner, which finds a writer that moved and tells the watches of what got lost at the end.
/// </summary>
public sealed class FollowerFeed(
    ProcessState local, WatchHub hub, Candidacy candidacy, IGrainFactory grains, WriterOptions options, TimeProvider time, ILogger<FollowerFeed> log)
    : IEventObserver, IAsyncDisposable
{
    private static readonly TimeSpan LongestRenewal = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan DeathTime = TimeSpan.FromSeconds(4); // after which the others have taken a killed process for dead
    private static readonly TimeSpan ShortestRenewal = TimeSpan.FromMilliseconds(20);

    private readonly TimeSpan _patience = (options.LeaseTime * 2) + DeathTime;
    private readonly TimeSpan _renewal = options.RenewTime < LongestRenewal ? options.RenewTime : LongestRenewal;
    private readonly CancellationTokenSource _stopping = new();
    private IEventObserver? _reference;
    private Task? _running;
    private long _leaderlessAt; // since when nobody has written; 0 = somebody does

    /// <summary>Begins to follow whenever the writer is not in this process.</summary>
    public async Task Start()
    {
        local.Replica.Pull = after => RemoteCall.Answer(Writer.Pull(after), _stopping.Token);
        try
        {
            await Renew();
        }
        catch (EtcdException standingBy) when (standingBy.Code == StatusCode.Unavailable)
        {
            log.LogDebug("No writer yet: {Reason}", standingBy.Message);
        }

        _running = RenewAlways();
    }

    public void Apply(EventBatch batch)
    {
        if (local.Writer is not null)
            return; // the writer came here: it feeds the watches itself

        local.Replica.Receive(batch); // first, so that what was heard of is mostly there
        local.Advance(new PublishedState(batch.LastRevision, batch.CompactRevision, local.Remote.Term));
        hub.Publish(batch);
    }

    /// <summary>Follows no more. Asks for the writer no more either, which would bring it to life again when all stop.</summary>
    public async Task Stop()
    {
        await _stopping.CancelAsync();
        if (_running is not null)
            await _running;
    }

    public async ValueTask DisposeAsync()
    {
        await Stop();
        _stopping.Dispose();
    }

    private IRevisionGrain Writer => grains.GetGrain<IRevisionGrain>(RevisionGrain.Key);

    private bool IsLeaderless => _leaderlessAt != 0 || hub.IsLeaderless;

    private async Task RenewAlways()
    {
        while (!_stopping.IsCancellationRequested)
        {
            // Sooner when the writer's time runs out: this process may be the next one.
            var left = IsLeaderless ? candidacy.TimeLeft : _renewal;
            var wait = left >= _renewal ? _renewal : left > ShortestRenewal ? left : ShortestRenewal;
            await Task.Delay(wait, time, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (_stopping.IsCancellationRequested)
                return;

            var renewing = TryRenew();
            while (await Task.WhenAny(renewing, Task.Delay(_renewal / 4, time, _stopping.Token)) != renewing && !_stopping.IsCancellationRequested)
                await LookAtStore();

            if (!await renewing)
                await LookAtStore();
        }
    }

    private async Task<bool> TryRenew()
    {
        try
        {
            await Renew();
            return true;
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            // Nobody asks any more.
        }
        catch (EtcdException error) when (error.Code == StatusCode.Unavailable)
        {
            log.LogDebug("No writer: {Reason}", error.Message);
        }
        catch (Exception error)
        {
            log.LogWarning(error, "The writer cannot be reached");
        }

        return false;
    }

    // A writer that does not answer may be gone. The others find that out in their own time; that after which it may be replaced begins to count meanwhile.
    private async Task LookAtStore()
    {
        try
        {
            await candidacy.Claimable(_stopping.Token);
            if (local.Writer is null && !local.Store.IsExclusive)
                _ = local.Replica.Load(); // this process may be the next to write
        }
        catch (Exception error) when (error is StoreUnavailableException or OperationCanceledException)
        {
            log.LogDebug("The store does not say who writes: {Reason}", error.Message);
        }
        catch (Exception error)
        {
            log.LogWarning(error, "The store does not say who writes");
        }
    }

    private async Task Renew()
    {
        if (local.Writer is not null)
            return;

        _reference ??= grains.CreateObjectReference<IEventObserver>(this);
        FollowerStart start;
        try
        {
            start = await RemoteCall.Answer(Writer.Subscribe(_reference), _stopping.Token);
        }
        catch (EtcdException error) when (error.IsNoLeader)
        {
            if (_leaderlessAt == 0)
                _leaderlessAt = time.GetTimestamp();

            // Who takes over next feeds these watches again. Where nobody does for too long, another process writes that is not of this cluster.
            if (time.GetElapsedTime(_leaderlessAt) >= _patience)
                hub.LoseLeader(() => local.Writer is null);

            throw;
        }

        _leaderlessAt = 0;

        if (local.Writer is not null)
            return;

        local.Replica.Follow(start.State);
        local.Identity = start.Identity with { MemberId = options.MemberId ?? start.Identity.MemberId };
        local.Advance(start.State);
        hub.Identity = new ReplyIdentity(local.Identity.ClusterId, local.Identity.MemberId, start.State.Term);
        if (hub.Revision == 0 || hub.IsLeaderless)
            hub.Load(start.State.Revision + 1, start.State.Revision, start.State.CompactRevision, []);
        else
            hub.Advance(start.State.Revision);
    }
}

/// <summary>What a follower starts from.</summary>
[GenerateSerializer, Immutable]
public sealed record FollowerStart(PublishedState State, ClusterIdentity Identity);
