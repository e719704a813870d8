using Kine.Grains.Index;

namespace Kine.Tests.Index;

public sealed class KeyRangeTests
{
    private static readonly byte[] Zero = [0];

    [Fact]
    public void An_empty_end_means_one_key()
    {
        var range = new KeyRange("a"u8.ToArray(), default);
        Assert.True(range.IsSingle);
        Assert.True(range.Contains("a"u8));
        Assert.False(range.Contains("ab"u8));
        Assert.False(range.IsEmpty);
    }

    [Fact]
    public void A_zero_byte_as_end_means_every_key_from_the_start_on()
    {
        var range = new KeyRange("b"u8.ToArray(), Zero);
        Assert.True(range.IsOpen);
        Assert.False(range.IsEmpty);
        Assert.True(range.Contains("b"u8));
        Assert.True(range.Contains([0xff, 0xff]));
        Assert.False(range.Contains("a"u8));
        Assert.True(KeyRange.All.Contains([0]));
        Assert.True(KeyRange.All.Contains([0xff]));
    }

    [Fact]
    public void Otherwise_the_end_is_not_in_it()
    {
        var range = new KeyRange("a"u8.ToArray(), "b"u8.ToArray());
        Assert.True(range.Contains("a"u8));
        Assert.True(range.Contains("azzz"u8));
        Assert.False(range.Contains("b"u8));
        Assert.True(new KeyRange("b"u8.ToArray(), "b"u8.ToArray()).IsEmpty);
        Assert.True(new KeyRange("b"u8.ToArray(), "a"u8.ToArray()).IsEmpty);
        Assert.False(new KeyRange("b"u8.ToArray(), "b"u8.ToArray()).Contains("b"u8));
    }
}
