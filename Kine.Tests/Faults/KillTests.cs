using Kine.Tests.Servers;
using Xunit.Abstractions;

namespace Kine.Tests.Faults;

/// <summary>On SQLite.</summary>
public sealed class KillTests(ITestOutputHelper output) : KillContract(output)
{
    protected override Task<EtcdApiServer> StartServer() => Candidate.StartNew();
}
