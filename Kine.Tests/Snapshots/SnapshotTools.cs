using Kine.Tests.Servers;

namespace Kine.Tests.Snapshots;

/// <summary>etcdctl, etcdutl and kine on snapshot files; each has to succeed, and gives its output.</summary>
internal static class SnapshotTools
{
    private static readonly Dictionary<string, string> ApiVersion = new() { ["ETCDCTL_API"] = "3" };

    public static Task<string> EtcdctlSave(EtcdApiServer server, string file)
        => Must(TestTools.Etcdctl, "--endpoints", server.Address, "snapshot", "save", file);

    public static Task<string> EtcdutlStatus(string file) => Must(TestTools.Etcdutl, "snapshot", "status", file, "-w", "json");

    /// <summary>Fills the data directory of a server that is not started yet.</summary>
    public static Task<string> EtcdutlRestore(string file, EtcdServer server, params string[] options)
        => Must(TestTools.Etcdutl,
        [
            "snapshot", "restore", file, "--data-dir", server.DataDirectory, "--initial-cluster", $"default={server.PeerUrl}",
            "--initial-advertise-peer-urls", server.PeerUrl, .. options,
        ]);

    public static Task<string> Kine(params string[] arguments) => Must(TestTools.Kine, arguments);

    /// <summary>Runs a kine command that has to fail, and gives its standard error.</summary>
    public static async Task<string> KineRefuses(params string[] arguments)
    {
        var result = await Command.Run(TestTools.Kine, arguments, within: TimeSpan.FromMinutes(2));
        Assert.NotEqual(0, result.ExitCode);
        return result.Errors;
    }

    private static async Task<string> Must(string program, params string[] arguments)
    {
        var result = await Command.Run(program, arguments, within: TimeSpan.FromMinutes(2), environment: ApiVersion);
        Assert.True(result.ExitCode == 0, $"{Path.GetFileName(program)} {string.Join(' ', arguments)}: {result.ExitCode}\n{result.Output}{result.Errors}");
        return result.Output;
    }
}
