namespace Kine.Tests.Servers;

/// <summary>A real etcd 3.5, the reference. It does not wait for its disk: nothing tests its durability.</summary>
public sealed class EtcdServer : EtcdApiServer
{
    private readonly int _peerPort = FreePort.Next();

    public override string Name => "etcd";

    public static async Task<EtcdServer> StartNew()
    {
        var server = new EtcdServer();
        await server.Start();
        return server;
    }

    protected override RunningProcess Launch()
        => RunningProcess.Start(TestTools.Etcd,
        [
            "--data-dir", Path.Combine(DataFolder, "etcd"),
            "--listen-client-urls", $"http://{Address}",
            "--advertise-client-urls", $"http://{Address}",
            "--listen-peer-urls", $"http://127.0.0.1:{_peerPort}",
            "--initial-advertise-peer-urls", $"http://127.0.0.1:{_peerPort}",
            "--initial-cluster", $"default=http://127.0.0.1:{_peerPort}",
            "--quota-backend-bytes", "8589934592",
            "--unsafe-no-fsync",
            "--experimental-watch-progress-notify-interval", "5s",
            "--log-level", "warn",
        ]);
}
