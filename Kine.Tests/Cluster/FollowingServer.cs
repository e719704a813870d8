using Kine.Tests.Servers;

namespace Kine.Tests.Cluster;

/// <summary>A process that does not write, with one beside it that does; clients talk to the former.</summary>
internal sealed class FollowingServer : EtcdApiServer
{
    private readonly KineServer _writer;

    private FollowingServer(KineServer writer) => _writer = writer;

    public override string Name => "kine beside another";

    public static async Task<EtcdApiServer> StartOn(string endpoint)
    {
        var writer = KineServer.On(endpoint);
        var server = new FollowingServer(writer);
        try
        {
            await writer.Start();
            await server.Start();
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    protected override RunningProcess Launch() => RunningProcess.Start(
        TestTools.Kine, ["--listen-address", Address, "--endpoint", _writer.Endpoint, "--metrics-bind-address", "0", "--lease-time", "1s"]);

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await _writer.DisposeAsync();
    }
}
