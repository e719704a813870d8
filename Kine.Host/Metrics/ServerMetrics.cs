using Kine.Backends;
using Kine.Etcd;
using Kine.Grains;
using Kine.Grains.Keyspace;
using Kine.Host.Grpc;

namespace Kine.Host.Metrics;

/// <summary>Everything <c>/metrics</c> tells: etcd's gauges that have a meaning here, the calls, the process and all instruments.</summary>
internal sealed class ServerMetrics(IKeyspace keyspace, MethodTable methods, MeterCollector meters, TimeProvider time)
{
    private static readonly TimeSpan StatusTimeout = TimeSpan.FromSeconds(2);

    /// <summary>All metrics as text.</summary>
    public async Task<string> Write(CancellationToken cancellationToken)
    {
        var text = new PrometheusText();
        WriteEtcd(text, await AskStatus(cancellationToken));
        GrpcMetrics.Write(text, methods);
        meters.Write(text);
        ProcessMetrics.Write(text);
        return text.ToString();
    }

    private static void WriteEtcd(PrometheusText text, StatusResponse? status)
    {
        var leads = status is not null && status.Leader != 0;
        text.Single("etcd_server_has_leader", "gauge", "1 when there is a writer.", leads ? 1 : 0);
        text.Single("etcd_server_is_leader", "gauge", "1 when this process is the writer.", leads && status!.Leader == status.Header.MemberId ? 1 : 0);
        if (status is null)
        {
            return;
        }

        text.Metric("etcd_server_version", "gauge", "The etcd version this server answers as.");
        text.Sample("etcd_server_version", PrometheusText.Label("server_version", status.Version), 1);
        text.Single("etcd_mvcc_db_total_size_in_bytes", "gauge", "Bytes of the store.", status.DbSize);
        text.Single("etcd_mvcc_db_total_size_in_use_in_bytes", "gauge", "Bytes of the store that are in use.", status.DbSizeInUse);
        text.Single("etcd_server_quota_backend_bytes", "gauge", "Quota of the store, 0 = none.", status.DbSizeQuota);
        text.Single("etcd_debugging_mvcc_current_revision", "gauge", "Current revision.", status.Header.Revision);
    }

    // A store that does not answer is told by the gauge, and must not keep the other figures back.
    private async Task<StatusResponse?> AskStatus(CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(StatusTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            return await keyspace.Status(new StatusRequest(), either.Token);
        }
        catch (Exception away) when (away is EtcdException or StoreUnavailableException)
        {
            return null;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return null;
        }
    }
}
