namespace Kine.Tests.Servers;

/// <summary>Where the programs are that deploy/test-tools.sh brings, and the folder of the built server.</summary>
public static class TestTools
{
    private static readonly string Folder = Environment.GetEnvironmentVariable("KINE_TEST_TOOLS")
        ?? Path.Combine(Environment.GetEnvironmentVariable("HOME") ?? "/root", ".cache", "kine-test-tools");

    public static string Etcd => Tool("bin/etcd");

    public static string Etcdctl => Tool("bin/etcdctl");

    public static string Etcdutl => Tool("bin/etcdutl");

    /// <summary>MySQL's server, which brings its own libraries.</summary>
    public static string MySql => Tool("bin/mysqld");

    /// <summary>The folder whose node_modules holds the npm client.</summary>
    public static string NpmFolder => Path.GetDirectoryName(Tool("js/package.json"))!;

    /// <summary>The server as built: KINE_TEST_SERVER, or the output of the same configuration and grain runtime as these tests.</summary>
    public static string Kine
    {
        get
        {
            if (Environment.GetEnvironmentVariable("KINE_TEST_SERVER") is { Length: > 0 } given)
                return given;

            var tests = $"{Path.DirectorySeparatorChar}Kine.Tests{Path.DirectorySeparatorChar}";
            var output = AppContext.BaseDirectory;
            var at = output.LastIndexOf(tests, StringComparison.Ordinal);
            var built = Path.Combine(output[..at], "Kine.Host", output[(at + tests.Length)..], "kine");
            return File.Exists(built) ? built : throw new FileNotFoundException($"the server is not built: {built}");
        }
    }

    private static string Tool(string name)
    {
        var path = Path.Combine(Folder, name);
        return File.Exists(path) ? path : throw new FileNotFoundException($"{path} is missing: run deploy/test-tools.sh first");
    }
}
