using Kine.Host.Bench.Http2;

namespace Kine.Tests.Bench;

public sealed class FrameHeaderTests
{
    [Theory]
    [InlineData("000004" + "03" + "00" + "00000007", 4, FrameType.RstStream, FrameFlags.None, 7)]
    [InlineData("012345" + "00" + "01" + "7fffffff", 0x12345, FrameType.Data, FrameFlags.EndStream, int.MaxValue)]
    [InlineData("ffffff" + "ff" + "ff" + "00000000", 0xffffff, (FrameType)255, (FrameFlags)255, 0)]
    public void Headers_are_read_and_written(string hex, int length, FrameType type, FrameFlags flags, int streamId)
    {
        var header = FrameHeader.Read(Convert.FromHexString(hex));
        Assert.Equal(new FrameHeader(length, type, flags, streamId), header);
        var written = new byte[FrameHeader.Size];
        header.Write(written);
        Assert.Equal(hex, Convert.ToHexStringLower(written));
    }

    [Fact]
    public void The_reserved_bit_is_ignored() =>
        Assert.Equal(5, FrameHeader.Read(Convert.FromHexString("000000" + "00" + "00" + "80000005")).StreamId);
}
