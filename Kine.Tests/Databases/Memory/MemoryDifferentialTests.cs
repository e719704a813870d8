using Kine.Tests.Differential;
using Kine.Tests.Servers;
using Xunit.Abstractions;

namespace Kine.Tests.Databases.Memory;

/// <summary>On a store that keeps nothing, so without restarts.</summary>
public sealed class MemoryDifferentialTests(ITestOutputHelper output) : DifferentialContract(output)
{
    protected override int Restarts => 0;

    protected override Task<EtcdApiServer> StartServer() => KineServer.StartOn("memory://");
}
