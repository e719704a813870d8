using Kine.Grains.Index;
using Kine.Grains.Values;
using Kine.Grains.Writing;

namespace Kine.Tests.Lease;

public sealed class LeaseTableTests
{
    [Fact]
    public void An_attached_key_does_not_keep_the_pair_that_it_came_with()
    {
        var pair = new SlabWriter().Encode("key"u8, new KeyVersion(2, 0, 2, 1, 7, 500), new byte[500]);
        var table = new LeaseTable();
        table.Add(new LeaseRun(7, 60, 1, 1));
        table.Move(KeyValueWire.Key(pair), 0, 7);

        var key = Assert.Single(table.Find(7)!.Keys);
        Assert.True(key.Span.SequenceEqual("key"u8));
        Assert.Null(PairSlab.Of(key));
        table.Move(KeyValueWire.Key(pair), 7, 0);
        Assert.Empty(table.Find(7)!.Keys);
    }
}
