using Kine.Tests.Kubernetes;
using Kine.Tests.Servers;

namespace Kine.Tests.Silos;

/// <summary>Against the front end of a silo that has no writer, one of three.</summary>
public sealed class SiloKubernetesTests : KubernetesContract
{
    protected override async Task<EtcdApiServer> StartServer() => await LastSiloServer.StartNew(3);
}
