using System.Diagnostics.Metrics;
using Kine.Backends;
using Kine.Etcd;
using Kine.Grains;
using Kine.Grains.Cluster;

namespace Kine.Host.Metrics;

/// <summary>etcd's gauges that have a meaning here. They tell the last status that was asked for; a store that is away leaves them standing.</summary>
internal sealed class StatusMetrics
{
    private static readonly TimeSpan StatusTimeout = TimeSpan.FromSeconds(2);

    private readonly IEtcdApi _api;
    private readonly string _etcdVersion;
    private readonly TimeProvider _time;
    private StatusResponse _last = new() { Header = new ResponseHeader() };
    private bool _answered;

    public StatusMetrics(Meter meter, IEtcdApi api, string etcdVersion, TimeProvider time)
    {
        _api = api;
        _etcdVersion = etcdVersion;
        _time = time;
        meter.CreateObservableGauge("etcd_server_has_leader", () => HasLeader ? 1 : 0, null, "1 when there is a writer.");
        meter.CreateObservableGauge("etcd_server_is_leader", () => IsLeader ? 1 : 0, null, "1 when this process is the writer.");
        meter.CreateObservableGauge("etcd_server_version", Version, null, "The etcd version this server answers as.");
        meter.CreateObservableGauge("etcd_mvcc_db_total_size_in_bytes", () => Last.DbSize, null, "Bytes of the store.");
        meter.CreateObservableGauge("etcd_mvcc_db_total_size_in_use_in_bytes", () => Last.DbSizeInUse, null, "Bytes of the store that are in use.");
        meter.CreateObservableGauge("etcd_server_quota_backend_bytes", () => Last.DbSizeQuota, null, "Quota of the store, 0 = none.");
        meter.CreateObservableGauge("etcd_debugging_mvcc_current_revision", () => Last.Header.Revision, null, "Current revision.");
    }

    private StatusResponse Last => Volatile.Read(ref _last);

    private bool HasLeader => Volatile.Read(ref _answered) && Last.Leader != 0;

    private bool IsLeader => HasLeader && Last.Leader == Last.Header.MemberId;

    /// <summary>Asks for the status. A store that does not answer is told by the gauges, and must not keep the other figures back.</summary>
    public async Task Refresh(CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(StatusTimeout, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            Volatile.Write(ref _last, await _api.Status(new StatusRequest(), either.Token));
            Volatile.Write(ref _answered, true);
        }
        catch (Exception away) when (away is EtcdException or StoreUnavailableException)
        {
            Volatile.Write(ref _answered, false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            Volatile.Write(ref _answered, false);
        }
    }

    private Measurement<int> Version() => new(1, new KeyValuePair<string, object?>("server_version", _etcdVersion));
}
