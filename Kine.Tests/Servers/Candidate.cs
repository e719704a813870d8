namespace Kine.Tests.Servers;

/// <summary>The server under test: kine, or with KINE_TEST_CANDIDATE=etcd a real etcd, which shows whether a test itself is at fault.</summary>
public static class Candidate
{
    public static bool IsEtcd { get; } = Environment.GetEnvironmentVariable("KINE_TEST_CANDIDATE") == "etcd";

    public static async Task<EtcdApiServer> StartNew() => IsEtcd ? await EtcdServer.StartNew() : await KineServer.StartNew();
}
