using System.Globalization;

namespace Kine.Tests.Servers;

/// <summary>Two MariaDB servers of which each takes writes and certifies the other's.</summary>
public sealed class GaleraCluster : IAsyncDisposable
{
    private readonly int[] _ports = [FreePort.Next(), FreePort.Next()];
    private readonly MariaDbServer _first;
    private readonly MariaDbServer _second;

    public GaleraCluster()
    {
        _first = new MariaDbServer([.. Options(0), "--wsrep-cluster-address=gcomm://", "--wsrep-new-cluster"]);
        _second = new MariaDbServer([.. Options(1), string.Create(CultureInfo.InvariantCulture, $"--wsrep-cluster-address=gcomm://127.0.0.1:{_ports[0]}")]);
    }

    /// <summary>The servers; both are in the cluster once it is started.</summary>
    public IReadOnlyList<MariaDbServer> Nodes => [_first, _second];

    /// <summary>Starts both. The second begins with a copy of the first one's data, so that it has nothing to fetch.</summary>
    public async Task Start()
    {
        await _first.Start();
        Assert.True(await _first.Process.Terminate(TimeSpan.FromSeconds(120)), _first.Process.Output);
        await _second.CopyData(_first);
        await _first.Start();
        await _second.Start();
        Assert.Equal("2", (await _second.Run("SHOW STATUS LIKE 'wsrep_cluster_size'")).Split('\t')[1]);
    }

    public async ValueTask DisposeAsync()
    {
        await _second.DisposeAsync();
        await _first.DisposeAsync();
    }

    private string[] Options(int node) =>
    [
        "--binlog-format=ROW", "--innodb-autoinc-lock-mode=2", "--wsrep-on=ON", "--wsrep-provider=/usr/lib/galera/libgalera_smm.so", "--wsrep-cluster-name=kine",
        string.Create(CultureInfo.InvariantCulture, $"--wsrep-node-address=127.0.0.1:{_ports[node]}"),
        // Unlike the default 4568, this port is free for the second node's missing writes.
        string.Create(
            CultureInfo.InvariantCulture,
            $"--wsrep-provider-options=gcache.size=16M;gmcast.listen_addr=tcp://127.0.0.1:{_ports[node]};ist.recv_addr=127.0.0.1:{FreePort.Next()}"),
    ];
}
