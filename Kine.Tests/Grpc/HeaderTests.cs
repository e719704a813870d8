using Kine.Etcd;
using Kine.Tests.BadInput;
using Kine.Tests.Wire;

namespace Kine.Tests.Grpc;

/// <summary>Headers that etcd takes, though they are not what HTTP says: each is answered, and its connection goes on.</summary>
public sealed class HeaderTests
{
    private static readonly TimeSpan Quiet = TimeSpan.FromMilliseconds(500);

    [Theory]
    [InlineData(":2379")]
    [InlineData("#initially=[http://127.0.0.1:2379]")]
    [InlineData("unix:///run/kine:tenant1")]
    [InlineData("ipv4:127.0.0.1:2379,127.0.0.1:2380")]
    [InlineData("%2Frun%2Fkine.sock")]
    [InlineData("")]
    [InlineData("\u00e9\u00ff")]
    public async Task Any_authority_is_taken(string authority)
    {
        await using var server = await TestServer.Start();
        using var connection = await RawHttp2.Open($"127.0.0.1:{server.Server.Port}");

        await connection.Call(1, EtcdMethods.AuthStatus, authority);
        await connection.Call(3, EtcdMethods.AuthStatus, "localhost");

        var frames = await connection.Drain(Quiet);
        Assert.DoesNotContain(frames, f => f.Type is RawHttp2.GoAway or RawHttp2.Reset);
        Assert.Equal([1, 3], frames.Where(f => f.Type == RawHttp2.Data).Select(f => f.Stream).Distinct().Order());
    }

    [Fact]
    public async Task A_value_that_is_not_utf8_hurts_no_call()
    {
        await using var server = await TestServer.Start();
        using var connection = await RawHttp2.Open($"127.0.0.1:{server.Server.Port}");

        await connection.Call(1, EtcdMethods.AuthStatus, "localhost", ("x-note", "\u00ff\u00fe\u00c3("));

        Assert.Contains(await connection.Drain(Quiet), f => f == (RawHttp2.Data, 1));
    }

    [Theory]
    [InlineData(1_000, 10)]
    [InlineData(20, 10_000)]
    [InlineData(1, 1_000_000)]
    public async Task Much_metadata_is_taken(int count, int length)
    {
        await using var server = await TestServer.Start();
        using var client = new GrpcClient(server.Server.Port);
        var headers = Enumerable.Range(0, count).Select(i => ($"x-{i}", new string('v', length))).ToArray();

        var answer = await client.Call(EtcdMethods.AuthStatus, new AuthStatusRequest(), headers);

        Assert.Equal(StatusCode.OK, answer.Status);
    }
}
