using Kine.Tests.Servers;

namespace Kine.Tests.Kubernetes;

/// <summary>On SQLite.</summary>
public sealed class KubernetesContractTests : KubernetesContract
{
    protected override Task<EtcdApiServer> StartServer() => Candidate.StartNew();
}
