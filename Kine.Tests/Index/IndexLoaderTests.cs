using System.Buffers.Binary;
using Kine.Backends;
using Kine.Grains.Index;

namespace Kine.Tests.Index;

public sealed class IndexLoaderTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(511)]
    [InlineData(512)]
    [InlineData(513)]
    [InlineData(20_000)]
    public async Task Every_record_arrives_once_in_order_with_its_key_and_before_Finish_returns(int count)
    {
        var arrived = new List<(RecordMetadata Record, byte[] Key)>();
        await using var loader = new IndexLoader((in RecordMetadata record, ReadOnlySpan<byte> key) => arrived.Add((record, key.ToArray())));
        for (var i = 0; i < count; i++)
            loader.Add(Record(i), Key(i));

        await loader.Finish();

        Assert.Equal(count, arrived.Count);
        for (var i = 0; i < count; i++)
        {
            Assert.Equal(Record(i), arrived[i].Record);
            Assert.True(arrived[i].Key.AsSpan().SequenceEqual(Key(i)));
        }
    }

    [Fact]
    public async Task A_scan_that_is_faster_waits_instead_of_filling_the_memory()
    {
        var added = 0;
        var applied = 0;
        var ahead = 0;
        await using var loader = new IndexLoader((in RecordMetadata _, ReadOnlySpan<byte> _) =>
        {
            if (applied % 1000 == 0)
                Thread.Sleep(1);

            ahead = Math.Max(ahead, Volatile.Read(ref added) - applied++);
        });
        for (var i = 0; i < 20_000; i++)
        {
            loader.Add(Record(i), [1]);
            Volatile.Write(ref added, i + 1);
        }

        await loader.Finish();
        Assert.Equal(20_000, applied);
        Assert.InRange(ahead, 0, 4 * 512);
    }

    [Fact]
    public async Task A_scan_hears_of_a_record_that_could_not_be_applied_and_no_later_one_is()
    {
        var applied = 0;
        await using var loader = new IndexLoader((in RecordMetadata record, ReadOnlySpan<byte> _) =>
        {
            if (record.Revision == 1000)
                throw new ArgumentException("out of order");

            applied++;
        });

        var error = Assert.Throws<ArgumentException>(() =>
        {
            for (var i = 0; i < 100_000; i++)
                loader.Add(Record(i), [1]);
        });

        Assert.Equal("out of order", error.Message);
        Assert.Equal(999, applied);
    }

    [Fact]
    public async Task Finish_throws_what_the_last_record_threw()
    {
        await using var loader = new IndexLoader((in RecordMetadata _, ReadOnlySpan<byte> _) => throw new ArgumentException("damaged"));
        loader.Add(Record(0), [1]);
        Assert.Equal("damaged", (await Assert.ThrowsAsync<ArgumentException>(loader.Finish)).Message);
    }

    [Fact]
    public async Task A_load_that_is_given_up_ends_with_the_page_it_is_at()
    {
        using var gate = new ManualResetEventSlim();
        using var begun = new ManualResetEventSlim();
        var applied = 0;
        var loader = new IndexLoader((in RecordMetadata _, ReadOnlySpan<byte> _) =>
        {
            begun.Set();
            gate.Wait();
            applied++;
        });
        for (var i = 0; i < 1500; i++)
            loader.Add(Record(i), [1]);

        begun.Wait();
        var end = loader.DisposeAsync();
        gate.Set();
        await end;
        Assert.Equal(512, applied);
    }

    private static RecordMetadata Record(int i) => new(i + 1, i % 7, i / 2, i, -i, i % 5 == 0, i % 100);

    // Now and then one that is longer than a page holds.
    private static byte[] Key(int i)
    {
        var key = new byte[i % 3000 == 17 ? 100_000 + i : 4 + (i % 300)];
        BinaryPrimitives.WriteInt32LittleEndian(key, i);
        key[^1] = (byte)i;
        return key;
    }
}
