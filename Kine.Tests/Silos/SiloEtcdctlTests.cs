using Kine.Tests.Etcdctl;
using Kine.Tests.Servers;

namespace Kine.Tests.Silos;

/// <summary>Against the front end of a silo that has no writer, one of three.</summary>
public sealed class SiloEtcdctlTests : EtcdctlContract
{
    protected override async Task<EtcdApiServer> StartServer() => await LastSiloServer.StartNew(3);
}
