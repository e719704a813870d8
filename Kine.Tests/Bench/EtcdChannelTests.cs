using System.Buffers.Binary;
using Kine.Grains;
using Kine.Host.Bench.Http2;

namespace Kine.Tests.Bench;

/// <summary>The client against a server whose every frame is the test's, in both of its threading modes.</summary>
public sealed class EtcdChannelTests : IDisposable
{
    private const ushort SettingStreamLimit = 3;
    private const ushort SettingStreamWindow = 4;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly ScriptedServer _server = new();

    public void Dispose() => _server.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_call_sends_one_message_and_gives_the_reply(bool inline)
    {
        await using var channel = new EtcdChannel(_server.Endpoint, new EtcdChannelOptions { InlineContinuations = inline });
        var call = channel.Unary("/s/m", new byte[] { 1, 2, 3 });
        await _server.Accept();
        var (header, payload) = await _server.Next(FrameType.Data);
        Assert.True(header.Has(FrameFlags.EndStream));
        Assert.Equal([0, 0, 0, 0, 3, 1, 2, 3], payload);
        await _server.Reply(header.StreamId, [9, 8]);
        Assert.Equal([9, 8], await call.WaitAsync(Patience));
    }

    [Fact]
    public async Task Replies_may_come_in_any_order_and_in_pieces()
    {
        await using var channel = new EtcdChannel(_server.Endpoint);
        var first = channel.Unary("/s/m", new byte[] { 1 });
        await _server.Accept();
        await _server.Next(FrameType.Data);
        var second = channel.Unary("/s/m", new byte[] { 2 });
        var secondId = (await _server.Next(FrameType.Data)).Header.StreamId;
        await _server.Reply(secondId, [22]);
        Assert.Equal([22], await second.WaitAsync(Patience));

        var message = new byte[100_000];
        Random.Shared.NextBytes(message);
        var framed = ScriptedServer.Framed(message);
        await _server.Send(FrameType.Headers, FrameFlags.EndHeaders, 1, [0x88]);
        for (var offset = 0; offset < framed.Length; offset += 12_345)
        {
            await _server.Send(FrameType.Data, FrameFlags.None, 1, framed[offset..Math.Min(framed.Length, offset + 12_345)]);
        }

        await _server.Trailers(1, "0", null);
        Assert.Equal(message, await first.WaitAsync(Patience));
    }

    [Fact]
    public async Task A_status_becomes_an_exception_with_the_decoded_message()
    {
        await using var channel = new EtcdChannel(_server.Endpoint);
        var call = channel.Unary("/s/m", default);
        await _server.Accept();
        var (header, _) = await _server.Next(FrameType.Data);
        await _server.Trailers(header.StreamId, "11", "etcdserver: 100%25 %C3%A4");
        var failure = await Assert.ThrowsAsync<GrpcException>(() => call.WaitAsync(Patience));
        Assert.Equal(StatusCode.OutOfRange, failure.Code);
        Assert.Equal("etcdserver: 100% \u00e4", failure.Detail);
    }

    [Fact]
    public async Task A_reply_without_grpc_status_is_a_failure_by_its_http_status()
    {
        await using var channel = new EtcdChannel(_server.Endpoint);
        var call = channel.Unary("/s/m", default);
        await _server.Accept();
        var (header, _) = await _server.Next(FrameType.Data);
        await _server.Send(FrameType.Headers, FrameFlags.EndHeaders | FrameFlags.EndStream, header.StreamId, [0x8d]); // :status 404
        Assert.Equal(StatusCode.Unimplemented, (await Assert.ThrowsAsync<GrpcException>(() => call.WaitAsync(Patience))).Code);
    }

    [Fact]
    public async Task A_header_block_may_be_padded_and_continued()
    {
        await using var channel = new EtcdChannel(_server.Endpoint);
        var call = channel.Unary("/s/m", default);
        await _server.Accept();
        var (header, _) = await _server.Next(FrameType.Data);
        byte[] literal = [0x40, 1, (byte)'a', 3, (byte)'x', (byte)'y', (byte)'z'];
        await _server.Send(FrameType.Headers, FrameFlags.Padded | FrameFlags.Priority, header.StreamId, [2, 0, 0, 0, 0, 7, 0x88, .. literal[..4], 0, 0]);
        await _server.Send(FrameType.Continuation, FrameFlags.EndHeaders, header.StreamId, literal[4..]);
        await _server.Send(FrameType.Data, FrameFlags.Padded, header.StreamId, [3, .. ScriptedServer.Framed([5]), 0, 0, 0]);
        await _server.Trailers(header.StreamId, "0", null);
        Assert.Equal([5], await call.WaitAsync(Patience));
    }

    [Fact]
    public async Task Messages_wait_for_the_servers_windows()
    {
        await using var channel = new EtcdChannel(_server.Endpoint);
        var message = new byte[200_000];
        Random.Shared.NextBytes(message);
        var call = channel.Unary("/s/m", message);
        await _server.Accept((SettingStreamWindow, 100_000));
        var received = new List<byte>();
        while (received.Count < 65_535)
        {
            received.AddRange((await _server.Next(FrameType.Data)).Payload);
        }

        Assert.Equal(65_535, received.Count);
        Assert.True(await _server.StaysSilent(FrameType.Data));

        await _server.Send(FrameType.WindowUpdate, FrameFlags.None, 0, Number(1_000_000));
        while (received.Count < 100_000)
        {
            received.AddRange((await _server.Next(FrameType.Data)).Payload);
        }

        Assert.Equal(100_000, received.Count);
        Assert.True(await _server.StaysSilent(FrameType.Data));

        // A larger initial window counts for streams that are open already.
        await _server.Send(FrameType.Settings, FrameFlags.None, 0, [0, (byte)SettingStreamWindow, .. Number(150_000)]);
        while (received.Count < 150_000)
        {
            received.AddRange((await _server.Next(FrameType.Data)).Payload);
        }

        await _server.Send(FrameType.WindowUpdate, FrameFlags.None, 1, Number(1_000_000));
        while (received.Count < message.Length + 5)
        {
            received.AddRange((await _server.Next(FrameType.Data)).Payload);
        }

        Assert.Equal(ScriptedServer.Framed(message), received);
        await _server.Reply(1, [1]);
        Assert.Equal([1], await call.WaitAsync(Patience));
    }

    [Fact]
    public async Task Calls_beyond_the_stream_limit_wait_for_a_free_place()
    {
        await using var channel = new EtcdChannel(_server.Endpoint);
        var first = channel.Unary("/s/m", new byte[] { 1 });
        await _server.Accept((SettingStreamLimit, 1));
        await _server.Next(FrameType.Data);
        var second = channel.Unary("/s/m", new byte[] { 2 });
        Assert.True(await _server.StaysSilent(FrameType.Data));
        await _server.Reply(1, [11]);
        Assert.Equal([11], await first.WaitAsync(Patience));
        Assert.Equal(3, (await _server.Next(FrameType.Data)).Header.StreamId);
        await _server.Reply(3, [22]);
        Assert.Equal([22], await second.WaitAsync(Patience));
    }

    [Fact]
    public async Task What_is_received_is_acknowledged()
    {
        var options = new EtcdChannelOptions { StreamWindow = 65_536, ConnectionWindow = 131_072 };
        await using var channel = new EtcdChannel(_server.Endpoint, options);
        var call = channel.Unary("/s/m", default);
        await _server.Accept();
        var (header, _) = await _server.Next(FrameType.Data);
        await _server.Send(FrameType.Headers, FrameFlags.EndHeaders, header.StreamId, [0x88]);
        var framed = ScriptedServer.Framed(new byte[80_000]);
        var offset = 0;
        async Task SendUpTo(int end)
        {
            for (; offset < end; offset += Math.Min(10_000, end - offset))
            {
                await _server.Send(FrameType.Data, FrameFlags.None, header.StreamId, framed[offset..Math.Min(end, offset + 10_000)]);
            }
        }

        await SendUpTo(40_000);
        var (update, payload) = await _server.Next(FrameType.WindowUpdate);
        Assert.Equal(header.StreamId, update.StreamId);
        Assert.InRange(BinaryPrimitives.ReadInt32BigEndian(payload), 32_768, 40_000);
        await SendUpTo(80_000);
        var updates = new List<int> { (await _server.Next(FrameType.WindowUpdate)).Header.StreamId, (await _server.Next(FrameType.WindowUpdate)).Header.StreamId };
        Assert.Contains(0, updates);
        await SendUpTo(framed.Length);
        await _server.Trailers(header.StreamId, "0", null);
        Assert.Equal(80_000, (await call.WaitAsync(Patience)).Length);
    }

    [Fact]
    public async Task A_stream_that_is_not_read_holds_the_server_back()
    {
        await using var channel = new EtcdChannel(_server.Endpoint, new EtcdChannelOptions { StreamWindow = 65_536 });
        var opening = channel.Duplex("/s/watch");
        await _server.Accept();
        await using var stream = await opening.WaitAsync(Patience);
        var (header, _) = await _server.Next(FrameType.Headers);
        Assert.False(header.Has(FrameFlags.EndStream));
        await _server.Send(FrameType.Headers, FrameFlags.EndHeaders, header.StreamId, [0x88]);
        for (var message = 0; message < 6; message++)
        {
            await _server.Send(FrameType.Data, FrameFlags.None, header.StreamId, ScriptedServer.Framed(new byte[10_000]));
        }

        Assert.True(await _server.StaysSilent(FrameType.WindowUpdate));
        for (var message = 0; message < 6; message++)
        {
            Assert.Equal(10_000, (await stream.Read())!.Length);
        }

        Assert.Equal(header.StreamId, (await _server.Next(FrameType.WindowUpdate)).Header.StreamId);
    }

    [Fact]
    public async Task A_duplex_stream_writes_reads_and_ends()
    {
        await using var channel = new EtcdChannel(_server.Endpoint);
        var opening = channel.Duplex("/s/watch");
        await _server.Accept();
        await using var stream = await opening.WaitAsync(Patience);
        await stream.Write(new byte[] { 1 });
        await stream.Write(new byte[] { 2, 3 });
        Assert.Equal(ScriptedServer.Framed([1]), (await _server.Next(FrameType.Data)).Payload);
        Assert.Equal(ScriptedServer.Framed([2, 3]), (await _server.Next(FrameType.Data)).Payload);
        await _server.Send(FrameType.Headers, FrameFlags.EndHeaders, 1, [0x88]);
        byte[] both = [.. ScriptedServer.Framed([7]), .. ScriptedServer.Framed([8, 8])];
        await _server.Send(FrameType.Data, FrameFlags.None, 1, both[..4]);
        await _server.Send(FrameType.Data, FrameFlags.None, 1, both[4..]);
        Assert.Equal([7], await stream.Read());
        Assert.Equal([8, 8], await stream.Read());
        await stream.CompleteWrites();
        Assert.True((await _server.Next(FrameType.Data)).Header.Has(FrameFlags.EndStream));
        await _server.Trailers(1, "14", "etcdserver: server stopped");
        var failure = await Assert.ThrowsAsync<GrpcException>(async () => await stream.Read());
        Assert.Equal("etcdserver: server stopped", failure.Detail);
    }

    [Fact]
    public async Task Disposing_a_stream_resets_it()
    {
        await using var channel = new EtcdChannel(_server.Endpoint);
        var opening = channel.Duplex("/s/watch");
        await _server.Accept();
        await (await opening.WaitAsync(Patience)).DisposeAsync();
        var (header, payload) = await _server.Next(FrameType.RstStream);
        Assert.Equal(1, header.StreamId);
        Assert.Equal(Number((int)Http2ErrorCode.Cancel), payload);
    }

    [Fact]
    public async Task A_deadline_is_sent_and_enforced_and_a_token_cancels()
    {
        await using var channel = new EtcdChannel(_server.Endpoint);
        var call = channel.Unary("/s/m", default, new CallOptions { Timeout = TimeSpan.FromMilliseconds(300) });
        await _server.Accept();
        await _server.Next(FrameType.Data);
        Assert.Equal(StatusCode.DeadlineExceeded, (await Assert.ThrowsAsync<GrpcException>(() => call.WaitAsync(Patience))).Code);
        await _server.Next(FrameType.RstStream);

        using var stop = new CancellationTokenSource();
        var cancelled = channel.Unary("/s/m", default, null, stop.Token);
        await _server.Next(FrameType.Data);
        await stop.CancelAsync();
        Assert.Equal(StatusCode.Cancelled, (await Assert.ThrowsAsync<GrpcException>(() => cancelled.WaitAsync(Patience))).Code);
        await _server.Next(FrameType.RstStream);

        // A late reply to a call that was given up harms nobody.
        await _server.Reply(3, [1]);
        var next = channel.Unary("/s/m", default);
        await _server.Next(FrameType.Data);
        await _server.Reply(5, [5]);
        Assert.Equal([5], await next.WaitAsync(Patience));
    }

    [Fact]
    public async Task Pings_and_settings_are_acknowledged()
    {
        await using var channel = new EtcdChannel(_server.Endpoint);
        var connecting = channel.Connect();
        await _server.Accept();
        await connecting.WaitAsync(Patience);
        await _server.Send(FrameType.Ping, FrameFlags.None, 0, [1, 2, 3, 4, 5, 6, 7, 8]);
        var (header, payload) = await _server.Next(FrameType.Ping);
        Assert.True(header.Has(FrameFlags.Ack));
        Assert.Equal([1, 2, 3, 4, 5, 6, 7, 8], payload);
        await _server.Send(FrameType.Settings, FrameFlags.None, 0, []);
        Assert.True((await _server.Next(FrameType.Settings)).Header.Has(FrameFlags.Ack));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task After_a_lost_connection_calls_fail_and_the_next_one_connects_again(bool inline)
    {
        await using var channel = new EtcdChannel(_server.Endpoint, new EtcdChannelOptions { InlineContinuations = inline });
        var call = channel.Unary("/s/m", default);
        await _server.Accept();
        await _server.Next(FrameType.Data);
        _server.CloseConnection();
        Assert.Equal(StatusCode.Unavailable, (await Assert.ThrowsAsync<GrpcException>(() => call.WaitAsync(Patience))).Code);
        var next = channel.Unary("/s/m", default);
        await _server.Accept();
        var (header, _) = await _server.Next(FrameType.Data);
        await _server.Reply(header.StreamId, [3]);
        Assert.Equal([3], await next.WaitAsync(Patience));
    }

    [Fact]
    public async Task After_goaway_taken_calls_finish_others_fail_and_new_ones_go_elsewhere()
    {
        await using var channel = new EtcdChannel(_server.Endpoint);
        var taken = channel.Unary("/s/m", default);
        await _server.Accept();
        await _server.Next(FrameType.Data);
        var refused = channel.Unary("/s/m", default);
        await _server.Next(FrameType.Data);
        await _server.Send(FrameType.GoAway, FrameFlags.None, 0, [.. Number(1), .. Number(0)]);
        Assert.Equal(StatusCode.Unavailable, (await Assert.ThrowsAsync<GrpcException>(() => refused.WaitAsync(Patience))).Code);
        await _server.Reply(1, [4]);
        Assert.Equal([4], await taken.WaitAsync(Patience));
        var next = channel.Unary("/s/m", default);
        await _server.Accept();
        var (header, _) = await _server.Next(FrameType.Data);
        Assert.Equal(1, header.StreamId);
        await _server.Reply(1, [5]);
        Assert.Equal([5], await next.WaitAsync(Patience));
    }

    [Fact]
    public async Task A_server_that_speaks_something_else_is_told_apart()
    {
        await using var channel = new EtcdChannel(_server.Endpoint);
        var call = channel.Unary("/s/m", default);
        await _server.AcceptWithoutSettings();
        await _server.SendRaw("HTTP/1.1 400 Bad Request\r\n\r\n"u8.ToArray());
        var failure = await Assert.ThrowsAsync<GrpcException>(() => call.WaitAsync(Patience));
        Assert.Contains("HTTP/2", failure.Detail);
    }

    [Fact]
    public async Task Nobody_there_is_unavailable()
    {
        _server.Dispose();
        await using var channel = new EtcdChannel(_server.Endpoint);
        Assert.Equal(StatusCode.Unavailable, (await Assert.ThrowsAsync<GrpcException>(() => channel.Unary("/s/m", default))).Code);
    }

    [Theory]
    [InlineData("http://10.0.0.1:80/", "10.0.0.1:80")]
    [InlineData("localhost", "localhost:2379")]
    [InlineData("https://[::1]:2381", "[::1]:2381")]
    [InlineData("http://db:443", "db:443")]
    [InlineData("unix:///run/kine.sock", "localhost")]
    public void Endpoints_are_read(string text, string authority) => Assert.Equal(authority, EtcdEndpoint.Parse(text).Authority);

    [Theory]
    [InlineData("")]
    [InlineData("ftp://a:1")]
    [InlineData("http://a:1/path")]
    [InlineData("unix://")]
    public void Wrong_endpoints_are_refused(string text) => Assert.Throws<FormatException>(() => EtcdEndpoint.Parse(text));

    private static byte[] Number(int value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, value);
        return bytes;
    }
}
