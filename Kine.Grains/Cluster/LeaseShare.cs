using Kine.Etcd;
using Kine.Grains.Fencing;
using Kine.Grains.Writing;
using Microsoft.Extensions.Logging;

namespace Kine.Grains.Cluster;

/// <summary>
/// The clocks of one share of the leases. Answers keep-alives, and has the writer revoke what is not kept alive. It
/// needs no silo. One thread at a time.
/// </summary>
/// <param name="renew">Has the writer begin a new run of each lease, under its proof.</param>
/// <param name="checkpoint">Has the writer note what is left of leases.</param>
/// <param name="expire">Has the writer revoke the leases whose newest run is among these. Returns their newest runs.</param>
internal sealed class LeaseShare(
    Func<long[], Task<LeaseRenewals>> renew, Func<LeaseRun[], Task<LeaseRun[]>> expire, Func<LeaseLeft[], Task> checkpoint, TimeProvider time, ILogger log)
{
    private const int ExpireTogether = 1000; // leases
    private const int CheckpointTogether = 1000; // as etcd's
    private static readonly TimeSpan CheckpointInterval = TimeSpan.FromMinutes(5); // as etcd's
    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(1);

    private readonly long _zero = time.GetTimestamp();
    private readonly Dictionary<long, Clock> _clocks = [];
    private readonly SortedSet<(TimeSpan Due, long Lease)> _queue = []; // of all clocks
    private List<long> _asked = []; // leases of the keep-alives that come into the next question
    private SharedQuestion<LeaseRenewals>? _question;
    private TimeSpan _pausedUntil; // nothing is expired before

    /// <summary>How long until leases have to be expired; null when there are none.</summary>
    public TimeSpan? Wait => _queue.Count == 0 ? null : Until(_queue.Min.Due > _pausedUntil ? _queue.Min.Due : _pausedUntil);

    private TimeSpan Now => time.GetElapsedTime(_zero);

    /// <summary>
    /// Starts the clocks of runs that the writer began, and drops those of leases that are gone. A run that is not newer
    /// than the known one changes nothing: messages may overtake each other.
    /// </summary>
    public void Apply(LeaseRun[] runs)
    {
        foreach (var run in runs)
        {
            if (_clocks.TryGetValue(run.Id, out var known) && !run.IsNewerThan(known.Run))
                continue;

            _queue.Remove((known.Due, run.Id));
            _clocks.Remove(run.Id);
            if (!run.IsGone)
            {
                var due = Now + TimeSpan.FromSeconds(run.Seconds);
                _clocks.Add(run.Id, new Clock(run, due, Now + CheckpointInterval));
                _queue.Add((due, run.Id));
            }
        }
    }

    /// <summary>One message of etcd v3 API, Lease.LeaseKeepAlive: begins a new run. TTL 0 in the reply = no such lease.</summary>
    public async Task<LeaseKeepAliveResponse> KeepAlive(long lease)
    {
        var place = _asked.Count;
        _asked.Add(lease);
        var renewals = await (_question ??= new SharedQuestion<LeaseRenewals>(Renew)).Ask();
        return new LeaseKeepAliveResponse { Header = renewals.Header, ID = lease, TTL = renewals.Runs[place].Ttl };
    }

    /// <summary>Whole seconds left of the lease; null when it has no clock here yet.</summary>
    public long? Left(long lease) => _clocks.TryGetValue(lease, out var clock) ? (long)Until(clock.Due).TotalSeconds : null;

    /// <summary>Has all leases revoked whose run is due. What the writer does not revoke is due once more a little later.</summary>
    public async Task Expire()
    {
        while (Due() is { Length: > 0 } due)
        {
            try
            {
                Apply(await expire(due));
            }
            catch (Exception error)
            {
                // What a writer refuses it has logged itself.
                log.Log(error is EtcdException ? LogLevel.Debug : LogLevel.Warning, error, "Expired leases could not be revoked yet");
            }

            if (due.Any(run => _clocks.GetValueOrDefault(run.Id).Run == run))
                _pausedUntil = Now + Retry;
        }
    }

    /// <summary>
    /// Has the writer note what is left of long leases, each five minutes after it was kept alive or noted, so that they do not begin anew with each writer. What it
    /// does not note is asked for again the next time.
    /// </summary>
    public async Task Checkpoint()
    {
        var now = Now;
        LeaseLeft[] left =
        [
            .. _clocks.Values.Where(clock => clock.Checkpoint <= now && clock.Due - now > CheckpointInterval)
                .Take(CheckpointTogether).Select(clock => new LeaseLeft(clock.Run, (long)(clock.Due - now).TotalSeconds)),
        ];
        if (left.Length == 0)
            return;

        try
        {
            await checkpoint(left);
        }
        catch (Exception error)
        {
            log.Log(error is EtcdException ? LogLevel.Debug : LogLevel.Warning, error, "What is left of leases could not be noted yet");
            return;
        }

        foreach (var (run, _) in left)
        {
            if (_clocks.TryGetValue(run.Id, out var clock) && clock.Run == run)
                _clocks[run.Id] = clock with { Checkpoint = now + CheckpointInterval };
        }
    }

    private LeaseRun[] Due()
    {
        var now = Now;
        return now < _pausedUntil
            ? []
            : [.. _queue.TakeWhile(first => first.Due <= now).Take(ExpireTogether).Select(first => _clocks[first.Lease].Run)];
    }

    private TimeSpan Until(TimeSpan due) => due - Now is var left && left > TimeSpan.Zero ? left : TimeSpan.Zero;

    private async Task<LeaseRenewals> Renew()
    {
        var asked = _asked;
        _asked = [];
        var renewals = await renew([.. asked]);
        Apply(renewals.Runs);
        return renewals;
    }

    private readonly record struct Clock(LeaseRun Run, TimeSpan Due, TimeSpan Checkpoint);
}
