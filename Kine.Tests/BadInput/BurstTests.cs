using System.Diagnostics;
using System.Net.Sockets;
using Google.Protobuf;
using Kine.Etcd;
using Kine.Tests.Grpc;
using Kine.Tests.Wire;
using Xunit;

namespace Kine.Tests.BadInput;

/// <summary>Connections that only cost are ended while the others are served, and what a burst took goes back to the system.</summary>
public sealed class BurstTests : IAsyncLifetime
{
    private const int EnhanceYourCalm = 11;
    private const int Frames = 2_000_000; // at most
    private const int FramesOfBatch = 500;
    private const int WarmUpPuts = 3_000;
    private const long Slack = 20 << 20; // bytes

    private static readonly TimeSpan ComesBackWithin = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan LongEnough = TimeSpan.FromSeconds(10); // for a stream to count as used, and for an answer on a busy machine

    private Watched _server = null!;

    public async Task InitializeAsync() => _server = await Watched.Start();

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Theory]
    [InlineData("streams that are reset at once")]
    [InlineData("headers that never end")]
    [InlineData("messages without content")]
    [InlineData("padding")]
    [InlineData("pings")]
    [InlineData("settings")]
    [InlineData("priorities")]
    [InlineData("windows")]
    [InlineData("frames of no known type")]
    public async Task A_connection_that_only_costs_is_told_to_calm_down(string what)
    {
        using var limit = new CancellationTokenSource(Wait.Limit);
        using var connection = await RawHttp2.Open(_server.Address);
        var goodBye = connection.GoodBye(limit.Token);
        var sending = Task.Run(() => Flood(connection, what, goodBye), limit.Token);
        while (!goodBye.IsCompleted)
            await _server.Channel.Put("meanwhile", "here", cancellation: limit.Token);

        Assert.Equal(EnhanceYourCalm, await goodBye);
        await sending;
        await _server.IsFine();
    }

    [Fact]
    public async Task Thousands_of_watches_cancelled_at_once_leave_their_connection_open()
    {
        const int Watches = 8_000;
        using var connection = await RawHttp2.Open(_server.Address);
        await connection.Frame(RawHttp2.WindowUpdate, 0, 0, [0x3f, 0, 0, 0]);
        var watch = new WatchRequest { CreateRequest = new WatchCreateRequest { Key = ByteString.CopyFromUtf8("w") } };
        var reading = connection.Drain(LongEnough);
        for (var i = 0; i < Watches; i++)
        {
            await connection.Request(1 + (2 * i), EtcdMethods.Watch);
            await connection.Frame(RawHttp2.Data, 0, 1 + (2 * i), GrpcClient.Frame(watch));
        }

        Assert.DoesNotContain(await reading, frame => frame.Type == RawHttp2.GoAway);
        for (var i = 0; i < Watches; i++)
            await connection.Send(Reset(1 + (2 * i)));

        await connection.Call(1 + (2 * Watches), EtcdMethods.HealthCheck, "localhost");
        var answer = await connection.Drain(LongEnough);
        Assert.Contains((RawHttp2.Data, 1 + (2 * Watches)), answer);
        Assert.DoesNotContain(answer, frame => frame.Type == RawHttp2.GoAway);
        await _server.IsFine();
    }

    [Fact]
    public async Task What_a_burst_took_goes_back_to_the_system_within_a_minute()
    {
        for (var i = 0; i < WarmUpPuts; i++)
            await _server.Channel.Put($"warm/{i % 100}", "up");

        var before = _server.Process.ResidentBytes;
        var connections = new List<RawHttp2>();
        for (var i = 0; i < 6; i++)
        {
            // Two thousand puts each, of which only a part comes.
            var connection = await RawHttp2.Open(_server.Address);
            var half = GrpcClient.Frame(new PutRequest { Key = ByteString.CopyFromUtf8("half"), Value = ByteString.CopyFrom(new byte[6_000]) })[..3_000];
            for (var stream = 1; stream < 4_000; stream += 2)
            {
                await connection.Request(stream, EtcdMethods.Put);
                await connection.Frame(RawHttp2.Data, 0, stream, half);
            }

            connections.Add(connection);
        }

        await _server.IsFine();
        var during = _server.Process.ResidentBytes;
        connections.ForEach(static connection => connection.Dispose());
        var clock = Stopwatch.StartNew();
        var most = (before * 13 / 10) + Slack;
        Assert.True(during > most, $"the burst took too little to tell: {during} bytes, and {before} before");
        while (_server.Process.ResidentBytes > most)
        {
            Assert.True(clock.Elapsed < ComesBackWithin, $"{before} bytes before, {during} in the burst, {_server.Process.ResidentBytes} a minute later");
            await Task.Delay(1_000);
        }

        await _server.IsFine();
    }

    private static async Task Flood(RawHttp2 connection, string what, Task ended)
    {
        try
        {
            await connection.Request(1, EtcdMethods.Watch);
            if (what == "headers that never end")
                await connection.Frame(RawHttp2.Headers, 0, 3, RawHttp2.RequestBlock(EtcdMethods.Watch));

            for (var i = 0; i < Frames && !ended.IsCompleted; i += FramesOfBatch)
                await connection.Send([.. Enumerable.Range(i, FramesOfBatch).SelectMany(number => Frame(what, 5 + (2 * number)))]);
        }
        catch (SocketException)
        {
            // The server has closed it.
        }
    }

    private static byte[] Frame(string what, int stream) => what switch
    {
        "streams that are reset at once" =>
            [.. RawHttp2.Encode(RawHttp2.Headers, RawHttp2.EndHeaders, stream, RawHttp2.RequestBlock(EtcdMethods.Watch)), .. Reset(stream)],
        "headers that never end" => RawHttp2.Encode(RawHttp2.Continuation, 0, 3, []),
        "messages without content" => RawHttp2.Encode(RawHttp2.Data, 0, 1, []),
        "padding" => RawHttp2.Encode(RawHttp2.Data, 8, 1, [3, 0, 0, 0]),
        "pings" => RawHttp2.Encode(RawHttp2.Ping, 0, 0, new byte[8]),
        "settings" => RawHttp2.Encode(RawHttp2.Settings, 0, 0, []),
        "priorities" => RawHttp2.Encode(RawHttp2.Priority, 0, 1, new byte[5]),
        "windows" => RawHttp2.Encode(RawHttp2.WindowUpdate, 0, 0, [0, 0, 0, 1]),
        _ => RawHttp2.Encode(77, 0, 0, []),
    };

    private static byte[] Reset(int stream) => RawHttp2.Encode(RawHttp2.Reset, 0, stream, [0, 0, 0, 8]);
}
