using System.Buffers;
using System.Buffers.Binary;
using Kine.Grains.Bolt;
using Kine.Grains.Snapshots;
using Kine.Tests.Servers;

namespace Kine.Tests.Snapshots;

/// <summary>The bbolt file written here, read back here; etcd's tools read it in the other tests.</summary>
public sealed class BoltFileTests : IDisposable
{
    private const int PageBytes = 4096;

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(0, 10)]
    [InlineData(1, 10)]
    [InlineData(1, 100_000)]
    [InlineData(200, 1)]
    [InlineData(40_000, 60)] // three levels
    [InlineData(300, 9000)] // every page overflows
    public void What_was_written_is_read(int entries, int longest)
    {
        var random = Draw.From(entries + longest);
        var content = Enumerable.Range(1, entries).Select(i => (Key: Key(i), Value: Bytes(random, random.Next(longest + 1)))).ToList();

        using var file = Open(Write(content));

        Assert.Equal(["a", "key", "z"], file.Buckets.Select(name => System.Text.Encoding.ASCII.GetString(name)));
        Assert.Empty(file.Entries("a"u8.ToArray()));
        var read = file.Entries("key"u8.ToArray()).ToList();
        Assert.Equal(content.Count, read.Count);
        Assert.All(content.Zip(read), pair =>
        {
            Assert.Equal(pair.First.Key, pair.Second.Key.ToArray());
            Assert.Equal(pair.First.Value, pair.Second.Value.ToArray());
        });
        Assert.Equal(entries == 0 ? null : Key(entries), file.LastKey("key"u8.ToArray())?.ToArray());
        Assert.Equal("one"u8.ToArray(), file.Find("z"u8.ToArray(), "last"u8.ToArray())!.Value.ToArray());
    }

    [Fact]
    public void No_branch_page_has_a_single_child()
    {
        // bbolt stops with a failed assertion when it deletes below one.
        for (var entries = 1; entries < 20_000; entries += entries < 600 ? 1 : 997)
        {
            var bytes = Write([.. Enumerable.Range(1, entries).Select(i => (Key(i), new byte[1500]))]);
            for (var at = 0; at < bytes.Length; at += 4096)
            {
                var branch = BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(at + 8)) == 1;
                Assert.True(!branch || BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(at + 10)) > 1, $"{entries} entries, page {at / 4096}");
            }
        }
    }

    [Fact]
    public void Random_damage_is_found_or_harmless_and_never_more_than_an_exception()
    {
        var whole = Write([.. Enumerable.Range(1, 500).Select(i => (Key(i), new byte[100]))]);
        for (var seed = 0; seed < 3000; seed++)
        {
            var random = Draw.From(seed);
            var bytes = whole.ToArray();
            for (var changes = random.Next(1, 4); changes > 0; changes--)
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);

            if (seed % 5 == 0)
                bytes = bytes[..random.Next(bytes.Length)];

            try
            {
                using var file = Open(bytes);
                foreach (var name in file.Buckets.ToList())
                    Assert.True(file.Entries(name).Count() <= 100_000);
            }
            catch (BoltException)
            {
            }
        }
    }

    [Fact]
    public void A_page_with_many_paths_to_it_is_read_once()
    {
        var bytes = Write([.. Enumerable.Range(1, 20_000).Select(i => (Key(i), new byte[100]))]);
        var pages = Enumerable.Range(2, (bytes.Length / PageBytes) - 2).ToList();
        var children = pages.Where(page => Flags(page) == 1).SelectMany(Children).ToList();
        var chain = children.Where(page => Flags(page) == 2).Take(60).Prepend(pages.Single(page => Flags(page) == 1 && !children.Contains(page))).ToList();
        foreach ((var page, var next) in chain.Zip(chain.Skip(1)))
            Twice(page, next);

        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan((chain[^1] * PageBytes) + 10), 0); // a leaf without entries: no key is out of order

        using var file = Open(bytes);

        Assert.Contains("reached in two ways", Assert.Throws<BoltException>(() => file.Entries("key"u8.ToArray()).Count()).Message, StringComparison.Ordinal);

        int Flags(int page) => BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan((page * PageBytes) + 8));
        int Child(int page, int i) => (int)BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan((page * PageBytes) + 16 + (i * 16) + 8));
        IEnumerable<int> Children(int page) => Enumerable
            .Range(0, BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan((page * PageBytes) + 10))).Select(i => Child(page, i)).ToList();

        void Twice(int page, int child)
        {
            var at = bytes.AsSpan(page * PageBytes);
            BinaryPrimitives.WriteUInt16LittleEndian(at[8..], 1);
            BinaryPrimitives.WriteUInt16LittleEndian(at[10..], 2);
            BinaryPrimitives.WriteUInt64LittleEndian(at[24..], (ulong)child);
            BinaryPrimitives.WriteUInt64LittleEndian(at[40..], (ulong)child);
        }
    }

    [Fact]
    public void Entries_that_share_bytes_are_refused()
    {
        var bytes = Write([(Key(1), new byte[100]), (Key(2), new byte[100])]);
        var page = Enumerable.Range(2, (bytes.Length / PageBytes) - 2)
            .Single(page => BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan((page * PageBytes) + 10)) == 2) * PageBytes;
        var first = BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(page + 20));
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(page + 36), first - 16 + 1); // counted from its own element

        using var file = Open(bytes);

        Assert.Contains("share bytes", Assert.Throws<BoltException>(() => file.Entries("key"u8.ToArray()).Count()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_bucket_s_name_that_stands_twice_is_refused()
    {
        var bytes = Write([], "b");
        var page = bytes.AsSpan((int)BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(32)) * PageBytes);
        page[page.IndexOf("b"u8)] = (byte)'a';

        Assert.Contains("stands twice", Assert.Throws<BoltException>(() => Open(bytes)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void With_the_first_meta_page_lost_the_second_is_used()
    {
        var bytes = Write([(Key(1), "v"u8.ToArray())]);
        bytes.AsSpan(0, 100).Clear();

        using var file = Open(bytes);

        Assert.Single(file.Entries("key"u8.ToArray()));
    }

    [Theory]
    [InlineData("")]
    [InlineData("not a database at all")]
    public void Another_file_is_refused_with_a_sentence(string content)
    {
        File.WriteAllText(_folder["other"], content);

        var refused = Assert.Throws<SnapshotException>(() => SnapshotFile.Open(_folder["other"]));

        Assert.Contains("not a bbolt database", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_database_of_another_program_is_refused()
    {
        File.WriteAllBytes(_folder["other"], Write([], "stuff"));

        Assert.Contains("not etcd's", Assert.Throws<SnapshotException>(() => SnapshotFile.Open(_folder["other"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Keys_out_of_order_are_not_written()
    {
        var file = new BoltWriter();
        file.BeginBucket("key"u8);
        file.Count(Key(2), 1);
        Assert.Throws<ArgumentException>(() => file.Count(Key(2), 1));
    }

    private static byte[] Write(List<(byte[] Key, byte[] Value)> content, string bucket = "key")
    {
        var name = System.Text.Encoding.ASCII.GetBytes(bucket);
        var counter = new BoltWriter();
        counter.BeginBucket("a"u8);
        counter.BeginBucket(name);
        content.ForEach(entry => counter.Count(entry.Key, entry.Value.Length));
        counter.BeginBucket("z"u8);
        counter.Count("last"u8, 3);
        var plan = counter.Finish();
        var output = new ArrayBufferWriter<byte>();
        var file = new BoltWriter(output, plan);
        file.BeginBucket("a"u8);
        file.BeginBucket(name);
        content.ForEach(entry => file.Add(entry.Key, entry.Value));
        file.BeginBucket("z"u8);
        file.Add("last"u8, "one"u8);
        Assert.Equal(plan, file.Finish());
        Assert.Equal(plan.FileLength, output.WrittenCount);
        return output.WrittenSpan.ToArray();
    }

    private BoltFile Open(byte[] bytes)
    {
        var path = _folder[Guid.NewGuid().ToString()];
        File.WriteAllBytes(path, bytes);
        var handle = File.OpenHandle(path);
        try
        {
            return BoltFile.Open(handle, bytes.Length);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    private static byte[] Key(int i)
    {
        var key = new byte[17];
        BinaryPrimitives.WriteInt64BigEndian(key, i);
        return key;
    }

    private static byte[] Bytes(Random random, int length)
    {
        var bytes = new byte[length];
        random.NextBytes(bytes);
        return bytes;
    }
}
