using Kine.Tests.Servers;

namespace Kine.Tests.Js;

/// <summary>The npm client etcd3 in node, which shares no line with the Go clients or with this code.</summary>
public sealed class JavaScriptClientTests
{
    [Fact]
    public async Task The_npm_client_does_its_everyday_things()
    {
        await using var server = await Candidate.StartNew();
        var script = Path.Combine(AppContext.BaseDirectory, "Js", "everyday.cjs");
        var result = await Command.Run("node", [script, server.Address, TestTools.NpmFolder], within: TimeSpan.FromMinutes(2));
        Assert.True(result.ExitCode == 0, result.Output + result.Errors);
        Assert.Contains("all 8 parts", result.Output);
    }
}
