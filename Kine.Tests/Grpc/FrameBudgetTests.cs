using System.Buffers;
using Kine.Host.Grpc;
using Kine.Tests.BadInput;
using Xunit;

namespace Kine.Tests.Grpc;

public sealed class FrameBudgetTests
{
    private const int Frames = 50_000;

    private readonly ManualTime _time = new();

    [Theory]
    [InlineData(1)]
    [InlineData(8)]
    [InlineData(9)]
    [InlineData(10)]
    [InlineData(4_096)]
    public void Frames_are_told_apart_wherever_they_are_cut(int piece)
    {
        Assert.True(Spent(piece, RawHttp2.Encode(RawHttp2.Data, 0, 1, [])));
        Assert.False(Spent(piece, RawHttp2.Encode(RawHttp2.Data, 0, 1, new byte[20])));
        Assert.False(Spent(piece, RawHttp2.Encode(RawHttp2.Data, RawHttp2.EndStream, 1, [])));
    }

    [Fact]
    public void Requests_and_replies_pay_for_pings_and_window_updates()
    {
        var budget = Begun();
        for (var i = 0; i < Frames; i++)
        {
            Take(budget, [.. RawHttp2.Encode(RawHttp2.Headers, RawHttp2.EndHeaders, 1 + (2 * i), [1]), .. WindowUpdate(), .. WindowUpdate()], 0);
            Assert.False(budget.IsSpent);
        }

        for (var i = 0; i < Frames; i++)
        {
            Take(budget, [.. WindowUpdate(), .. WindowUpdate()], 64L * i);
            Assert.False(budget.IsSpent);
        }
    }

    [Fact]
    public void Streams_that_were_open_for_a_while_may_be_reset()
    {
        const int Streams = 20_000;
        var budget = Begun();
        for (var i = 0; i < Streams; i++)
            Take(budget, RawHttp2.Encode(RawHttp2.Headers, RawHttp2.EndHeaders, 1 + (2 * i), [1]), 0);

        _time.Advance(TimeSpan.FromSeconds(3));
        for (var i = 0; i < Streams; i++)
            Take(budget, RawHttp2.Encode(RawHttp2.Reset, 0, 1 + (2 * i), [0, 0, 0, 8]), 0);

        Assert.False(budget.IsSpent);
        Assert.Equal(TimeSpan.Zero, budget.Wait);
        for (var i = Streams; i < 2 * Streams; i++)
        {
            Take(budget, RawHttp2.Encode(RawHttp2.Headers, RawHttp2.EndHeaders, 1 + (2 * i), [1]), 0);
            Take(budget, RawHttp2.Encode(RawHttp2.Reset, 0, 1 + (2 * i), [0, 0, 0, 8]), 0);
        }

        Assert.True(budget.IsSpent);
        Assert.True(budget.Wait > TimeSpan.FromSeconds(1));
    }

    private static byte[] WindowUpdate() => RawHttp2.Encode(RawHttp2.WindowUpdate, 0, 0, [0, 0, 0, 1]);

    private static void Take(FrameBudget budget, byte[] bytes, long sent) => budget.Take(new ReadOnlySequence<byte>(bytes), sent);

    private FrameBudget Begun()
    {
        var budget = new FrameBudget(_time);
        Take(budget, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8.ToArray(), 0);
        return budget;
    }

    private bool Spent(int piece, byte[] frame)
    {
        var budget = Begun();
        byte[] frames = [.. Enumerable.Repeat(frame, Frames).SelectMany(static bytes => bytes)];
        foreach (var part in frames.Chunk(piece))
            Take(budget, part, 0);

        return budget.IsSpent;
    }
}
