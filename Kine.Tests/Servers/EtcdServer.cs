namespace Kine.Tests.Servers;

/// <summary>A real etcd 3.5, the reference. It does not wait for its disk: nothing tests its durability.</summary>
public sealed class EtcdServer : EtcdApiServer
{
    private readonly int _peerPort = FreePort.Next();

    public override string Name => "etcd";

    /// <summary>The value of --data-dir.</summary>
    public string DataDirectory => Path.Combine(DataFolder, "etcd");

    public string PeerUrl => $"http://127.0.0.1:{_peerPort}";

    /// <summary>A server that is not started yet, so that its data directory can be filled first.</summary>
    public static EtcdServer Prepare() => new();

    public static async Task<EtcdServer> StartNew()
    {
        var server = Prepare();
        await server.Start();
        return server;
    }

    protected override RunningProcess Launch()
        => RunningProcess.Start(TestTools.Etcd,
        [
            "--data-dir", DataDirectory,
            "--listen-client-urls", $"http://{Address}",
            "--advertise-client-urls", $"http://{Address}",
            "--listen-peer-urls", PeerUrl,
            "--initial-advertise-peer-urls", PeerUrl,
            "--initial-cluster", $"default={PeerUrl}",
            "--quota-backend-bytes", "8589934592",
            "--unsafe-no-fsync",
            "--experimental-watch-progress-notify-interval", "5s",
            "--log-level", "warn",
        ]);
}
