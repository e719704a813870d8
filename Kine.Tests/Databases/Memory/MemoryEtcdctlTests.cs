using Kine.Tests.Etcdctl;
using Kine.Tests.Servers;

namespace Kine.Tests.Databases.Memory;

/// <summary>On a store that keeps nothing.</summary>
public sealed class MemoryEtcdctlTests : EtcdctlContract
{
    protected override Task<EtcdApiServer> StartServer() => KineServer.StartOn("memory://");
}
