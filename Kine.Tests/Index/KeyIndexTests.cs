using System.Text;
using Kine.Backends;
using Kine.Grains.Index;

namespace Kine.Tests.Index;

public sealed class KeyIndexTests
{
    private KeyIndex _index = new();

    [Fact]
    public void Readers_do_not_see_what_is_applied_beyond_their_revision()
    {
        Put("a", 5, 5, 1);
        Put("a", 7, 5, 2);
        Delete("a", 9);
        Put("a", 12, 12, 1);

        Assert.False(_index.TryGet("a"u8, 4, out _));
        Assert.Equal(5, At("a", 6).Mod);
        Assert.Equal(2, At("a", 8).Version);
        Assert.False(_index.TryGet("a"u8, 11, out _));
        Assert.True(_index.TryGetAt("a"u8, 11, out var tombstone));
        Assert.True(tombstone.IsTombstone);
        Assert.Equal(12, At("a", 12).Create);
    }

    [Fact]
    public void Of_several_versions_in_one_revision_the_last_one_counts()
    {
        _index.Apply("a"u8, new KeyVersion(5, 0, 5, 1, 0, 1));
        _index.Apply("a"u8, KeyVersion.Tombstone(5, 1));
        _index.Apply("a"u8, new KeyVersion(5, 2, 5, 1, 0, 3));

        Assert.Equal(3, At("a", 5).ValueLength);
        Assert.Equal(1, _index.Count(KeyRange.All, 5));
        Assert.Equal(0, _index.Count(KeyRange.All, 4));
    }

    [Fact]
    public void A_tombstone_exactly_at_the_compacted_revision_stays_until_a_later_compaction()
    {
        Put("a", 5, 5, 1);
        Delete("a", 9);
        Put("b", 10, 10, 1);

        Assert.Equal([new RecordId(5, 0)], Compact(9));
        Assert.True(_index.TryGetNewest("a"u8, out var kept) && kept.IsTombstone);
        Assert.Equal([new RecordId(9, 0)], Compact(10));
        Assert.False(_index.TryGetNewest("a"u8, out _));
    }

    [Fact]
    public void A_tombstone_below_the_compacted_revision_goes_though_its_key_came_back_above_it()
    {
        Put("a", 5, 5, 1);
        Delete("a", 9);
        Put("a", 20, 20, 1);

        Assert.Equal([new RecordId(5, 0), new RecordId(9, 0)], Compact(12));
        Assert.False(_index.TryGet("a"u8, 12, out _));
        Assert.Equal(20, At("a", 20).Mod);
        Assert.Empty(Compact(20));
    }

    [Fact]
    public void Compaction_that_was_interrupted_is_found_again_after_a_replay()
    {
        Put("a", 5, 5, 1);
        Put("a", 6, 5, 2);
        Delete("b", 7); // what an interrupted run leaves of put 4, delete 7

        Assert.Equal([new RecordId(5, 0), new RecordId(7, 0)], Compact(8));
        Assert.Equal([new RecordId(6, 0)], _index.Dump().Select(pair => pair.Version.Id));
    }

    [Fact]
    public void A_slice_whose_run_was_given_up_comes_again_before_anything_else()
    {
        Put("a", 5, 5, 1);
        Put("a", 6, 5, 2);
        Delete("a", 7);
        Put("b", 8, 8, 1);
        var failed = new List<RecordId>();
        Assert.Equal(2, _index.Compact(8).DropHistory(2, failed));

        Assert.Equal([new RecordId(5, 0), new RecordId(6, 0)], failed);
        Assert.Equal([.. failed, new RecordId(7, 0)], Compact(8));
        Assert.Empty(Compact(8));
    }

    [Fact]
    public void A_cursor_kept_between_pieces_goes_on_at_its_revision_while_the_index_changes_around_it()
    {
        long revision = 1;
        for (var i = 0; i < 5000; i += 2)
            Put($"key-{i:d5}", ++revision, revision, 1);

        var cursor = _index.Range(KeyRange.All, revision);
        var at = revision;

        for (var i = 0; i < 5000; i += 2)
        {
            Assert.True(cursor.MoveNext());
            Assert.Equal($"key-{i:d5}", Encoding.ASCII.GetString(cursor.Key));
            Assert.True(cursor.Current.Mod <= at);
            Delete($"key-{(i * 31 + 2) % 5000:d5}", ++revision);
            Put($"key-{(i * 17 + 1) % 5000:d5}", ++revision, revision, 1);
            if (i % 500 == 0)
                Compact(at);
        }

        Assert.False(cursor.MoveNext());
    }

    [Fact]
    public void A_load_is_refused_on_an_index_that_has_keys()
    {
        Put("a", 5, 5, 1);
        Assert.Throws<InvalidOperationException>(_index.BeginLoad);
    }

    [Fact]
    public void Log_order_is_enforced()
    {
        Put("a", 5, 5, 1);
        Assert.Throws<ArgumentException>(() => Put("b", 4, 4, 1));
        Assert.Throws<ArgumentException>(() => Put("a", 5, 5, 2));
        Assert.Throws<InvalidOperationException>(() => _index.Undo("a"u8, new RecordId(6, 0)));
        Assert.Throws<InvalidOperationException>(() => _index.Undo("b"u8, new RecordId(5, 0)));
        Compact(5);
        Assert.Throws<ArgumentOutOfRangeException>(() => _index.Compact(4));
    }

    [Fact]
    public void A_version_that_an_undo_brought_back_outlives_a_compaction_to_a_revision_below_the_undone_one()
    {
        Put("a", 5, 5, 1);
        Put("a", 6, 5, 2);
        Put("b", 7, 7, 1);
        Put("a", 8, 5, 3);
        _index.Undo("a"u8, new RecordId(8, 0));
        Put("b", 8, 7, 2);

        Assert.Equal([new RecordId(5, 0), new RecordId(7, 0)], Compact(8));
        Assert.Equal(6, At("a", 8).Mod);
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(false, false)]
    public void A_hundred_thousand_keys_stay_small(bool ascending, bool load)
    {
        if (load)
            _index.BeginLoad();

        var order = Enumerable.Range(0, 100_000).ToArray();
        if (!ascending)
            Draw.From(1).Shuffle(order);

        long revision = 1;
        foreach (var i in order)
            Put($"/registry/pods/ns-{i / 100:d4}/pod-{i:d6}-with-a-name-of-64-bytes-in-all-{i:d4}", ++revision, revision, 1);

        _index.FinishLoad();

        Assert.Equal(100_000, _index.LiveKeys);
        Assert.InRange(HeapBytes.FreedBy(() => _index = new KeyIndex()), 100_000 * 48, 100_000 * (ascending ? 110 : 130));
    }

    [Fact]
    public void A_swept_tree_gives_its_memory_back()
    {
        long revision = 1;
        for (var i = 0; i < 50_000; i++)
            Put($"key-{i:d6}", ++revision, revision, 1);

        for (var i = 0; i < 50_000; i++)
        {
            if (i % 100 != 0)
                Delete($"key-{i:d6}", ++revision);
        }

        Compact(revision + 1);

        Assert.Equal(500, _index.LiveKeys);
        Assert.Equal(500, _index.Count(KeyRange.All, revision));
        Assert.True(HeapBytes.FreedBy(() => _index = new KeyIndex()) < 500_000);
    }

    [Fact]
    public void Keys_of_unusual_length_are_found()
    {
        var random = Draw.From(3);
        byte[][] keys = [.. Enumerable.Range(0, 300).Select(i =>
        {
            var key = new byte[random.Next(1, 20_000)];
            random.NextBytes(key);
            key.AsSpan(0, key.Length / 2).Fill((byte)(i % 3));
            return key;
        })];
        long revision = 1;
        foreach (var key in keys)
            _index.Apply(key, new KeyVersion(++revision, 0, revision, 1, 0, 1));

        for (var i = 0; i < keys.Length; i++)
            Assert.True(_index.TryGet(keys[i], revision, out var version) && version.Mod == i + 2);

        Assert.Equal(keys.OrderBy(key => key, Comparer<byte[]>.Create((a, b) => a.AsSpan().SequenceCompareTo(b))), _index.Dump().Select(pair => pair.Key));
    }

    private void Put(string key, long mod, long create, long version) =>
        _index.Apply(Encoding.ASCII.GetBytes(key), new KeyVersion(mod, 0, create, version, 0, 10));

    private void Delete(string key, long mod) => _index.Apply(Encoding.ASCII.GetBytes(key), KeyVersion.Tombstone(mod, 0));

    private KeyVersion At(string key, long revision)
    {
        Assert.True(_index.TryGet(Encoding.ASCII.GetBytes(key), revision, out var version));
        return version;
    }

    private List<RecordId> Compact(long revision)
    {
        var deleted = new List<RecordId>();
        IndexModel.Finish(_index.Compact(revision), deleted);
        return deleted;
    }
}
