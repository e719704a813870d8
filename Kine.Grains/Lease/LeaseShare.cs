using Kine.Etcd;
using Kine.Grains.Fencing;
using Kine.Grains.Writing;
using Microsoft.Extensions.Logging;

namespace Kine.Grains.Lease;

/// <summary>
/// The clocks of one share of the leases. Answers keep-alives, and has the writer revoke what is not kept alive. It
/// needs no silo. One thread at a time.
/// </summary>
/// <param name="renew">Has the writer begin a new run of each lease, under its proof.</param>
/// <param name="expire">Has the writer revoke the leases whose newest run is among these. Returns their newest runs.</param>
internal sealed class LeaseShare(
    Func<long[], Task<LeaseRenewals>> renew, Func<LeaseRun[], Task<LeaseRun[]>> expire, TimeProvider time, ILogger log)
{
    private const int ExpireTogether = 1000; // leases
    private static readonly TimeSpan FirstRetry = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestRetry = TimeSpan.FromSeconds(5);

    private readonly LeaseClocks _clocks = new(time);
    private List<long> _asked = []; // leases of the keep-alives that come into the next question
    private SharedQuestion<LeaseRenewals>? _question;
    private TimeSpan _retry = FirstRetry;

    /// <summary>How long until a run is due; null when there is none.</summary>
    public TimeSpan? Next => _clocks.Next;

    /// <summary>Starts the clocks of runs that the writer began, and drops those of leases that are gone.</summary>
    public void Apply(LeaseRun[] runs) => Array.ForEach(runs, _clocks.Apply);

    /// <summary>One message of etcd v3 API, Lease.LeaseKeepAlive: begins a new run. TTL 0 in the reply = no such lease.</summary>
    public async Task<LeaseKeepAliveResponse> KeepAlive(long lease)
    {
        var place = _asked.Count;
        _asked.Add(lease);
        var renewals = await (_question ??= new SharedQuestion<LeaseRenewals>(Renew)).Ask();
        return new LeaseKeepAliveResponse { Header = renewals.Header, ID = lease, TTL = renewals.Runs[place].Ttl };
    }

    /// <summary>Whole seconds left of the lease; null when it has no clock here yet.</summary>
    public long? Left(long lease) => (long?)_clocks.Left(lease)?.TotalSeconds;

    /// <summary>Has all leases revoked whose run is due.</summary>
    public async Task Expire()
    {
        while (_clocks.TakeDue(ExpireTogether) is { Length: > 0 } due)
        {
            try
            {
                Apply(await expire(due));
                _retry = FirstRetry;
            }
            catch (Exception error)
            {
                // What a writer refuses it has logged itself.
                log.Log(error is EtcdException ? LogLevel.Debug : LogLevel.Warning, error, "Expired leases could not be revoked yet");
                Array.ForEach(due, run => _clocks.PutBack(run, _retry));
                _retry = _retry * 2 < LongestRetry ? _retry * 2 : LongestRetry;
            }
        }
    }

    private async Task<LeaseRenewals> Renew()
    {
        var asked = _asked;
        _asked = [];
        var renewals = await renew([.. asked]);
        Apply(renewals.Runs);
        return renewals;
    }
}
