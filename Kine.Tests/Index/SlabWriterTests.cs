using Kine.Grains.Index;
using Kine.Grains.Values;

namespace Kine.Tests.Index;

public sealed class SlabWriterTests
{
    private readonly SlabWriter _writer = new();

    [Fact]
    public void Every_pair_is_as_in_an_array_of_its_own_and_stays_so()
    {
        var random = Draw.From(3);
        var written = new List<(ReadOnlyMemory<byte> Pair, byte[] Expected)>();
        for (var i = 1; i <= 5000; i++)
        {
            var key = Bytes(random, random.Next(1, 300));
            var value = Bytes(random, i % 100 == 0 ? random.Next(SlabWriter.MaxSlice * 2) : random.Next(1500));
            var version = i % 7 == 0 ? KeyVersion.Tombstone(i, 1) : new KeyVersion(i, 0, random.Next(1, i + 1), random.Next(1, i + 1), i % 3, value.Length);
            written.Add((_writer.Encode(key, version, value), KeyValueWire.Encode(key, version, value)));
        }

        Assert.All(written, pair => Assert.Equal(pair.Expected, pair.Pair.ToArray()));
    }

    [Fact]
    public void Pairs_fill_a_slab_before_the_next_is_begun()
    {
        var pairs = Enumerable.Repeat(0, 2000).Select(_ => Encode(1, 600)).ToArray();
        var fit = PairSlab.Size / pairs[0].Length;

        Assert.Equal(
            pairs.Chunk(fit).Select(chunk => (PairSlab.Of(chunk[0]), chunk.Length)),
            pairs.GroupBy(PairSlab.Of).Select(group => (group.Key, group.Count())));
        Assert.Equal((2000 + fit - 1) / fit, pairs.Select(PairSlab.Of).Distinct().Count());
    }

    [Fact]
    public void A_long_pair_gets_an_array_of_its_own_and_the_slab_goes_on_behind_it()
    {
        var before = PairSlab.Of(Encode(1, 10));
        var longest = Encode(2, SlabWriter.MaxSlice - 20);
        var tooLong = Encode(3, SlabWriter.MaxSlice);
        var after = PairSlab.Of(Encode(4, 10));

        Assert.NotNull(before);
        Assert.Equal((before, null, before), (PairSlab.Of(longest), PairSlab.Of(tooLong), after));
    }

    [Fact]
    public void A_copy_holds_no_slab_and_what_is_in_none_is_not_copied()
    {
        var slice = Encode(1, 100);
        var copy = PairSlab.Copy(slice);

        Assert.Null(PairSlab.Of(copy));
        Assert.Equal(slice.ToArray(), copy.ToArray());
        Assert.Equal(copy, PairSlab.Copy(copy));
    }

    private static byte[] Bytes(Random random, int length)
    {
        var bytes = new byte[length];
        random.NextBytes(bytes);
        return bytes;
    }

    private ReadOnlyMemory<byte> Encode(long revision, int valueLength) =>
        _writer.Encode("k"u8, new KeyVersion(revision, 0, 1, 1, 0, valueLength), new byte[valueLength]);
}
