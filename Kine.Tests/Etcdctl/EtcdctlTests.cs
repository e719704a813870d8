using Kine.Tests.Servers;

namespace Kine.Tests.Etcdctl;

/// <summary>On SQLite.</summary>
public sealed class EtcdctlTests : EtcdctlContract
{
    protected override Task<EtcdApiServer> StartServer() => Candidate.StartNew();
}
