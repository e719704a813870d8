using Kine.Tests.Kubernetes;
using Kine.Tests.Servers;

namespace Kine.Tests.Databases.Memory;

/// <summary>On a store that keeps nothing.</summary>
public sealed class MemoryKubernetesTests : KubernetesContract
{
    protected override Task<EtcdApiServer> StartServer() => KineServer.StartOn("memory://");
}
