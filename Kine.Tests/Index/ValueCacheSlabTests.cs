using System.Runtime.CompilerServices;
using Kine.Backends;
using Kine.Grains.Index;
using Kine.Grains.Values;

namespace Kine.Tests.Index;

/// <summary>The cache with slices of slabs, of which each holds its whole slab.</summary>
public sealed class ValueCacheSlabTests
{
    private const long Bound = 32 << 20;
    private const int Slabs = (int)(Bound / PairSlab.Size);

    private readonly ValueCache _cache = new(Bound);

    [Fact]
    public void A_slice_keeps_its_slab_until_it_is_read()
    {
        var slab = AddOne(_cache, 1);

        Assert.True(IsAlive(slab));
        Assert.InRange(_cache.Bytes, PairSlab.Size, PairSlab.Size + 100);
        Assert.True(Read(_cache, 1));
        Assert.False(IsAlive(slab));
        Assert.InRange(_cache.Bytes, 500, 700);
        Assert.True(Read(_cache, 1));
    }

    [Fact]
    public void A_slab_that_is_full_of_slices_costs_little_more_than_these()
    {
        var slabs = Add(_cache, 1, 4000);

        Assert.InRange(Alive(slabs).Count, 7, 11);
        Assert.InRange(_cache.Bytes, 4000 * 500, 4000 * 700);
    }

    [Fact]
    public void The_bound_holds_for_the_slabs_too()
    {
        var writer = new SlabWriter();
        var slabs = new List<WeakReference>();
        for (var first = 1; first < 200_000; first += 1000)
        {
            slabs.AddRange(Add(_cache, writer, first, 1000));
            Assert.InRange(_cache.Bytes, 0, Bound);
        }

        Assert.InRange(Alive(slabs).Count, Slabs / 2, Slabs);
        Assert.True(Read(_cache, 199_999));
        Assert.InRange(_cache.Bytes, Bound * 7 / 10, Bound);
    }

    [Fact]
    public void What_is_read_moves_on_without_its_slab()
    {
        var writer = new SlabWriter();
        var slabs = Add(_cache, writer, 1, 1000);
        for (var revision = 1; revision <= 1000; revision++)
            Assert.True(Read(_cache, revision));

        Add(_cache, writer, 1001, 100_000);

        Assert.Equal(1000, Enumerable.Range(1, 1000).Count(revision => Read(_cache, revision)));
        Assert.Empty(Alive(slabs));
    }

    [Fact]
    public void What_compaction_leaves_of_a_slab_is_copied_so_that_the_slab_goes()
    {
        var writer = new SlabWriter();
        var slabs = Add(_cache, writer, 1, 40_000);
        for (var revision = 1; revision <= 40_000; revision++)
        {
            if (revision % 200 != 0)
                _cache.Remove(new RecordId(revision, 0));
        }

        Assert.InRange(Alive(slabs).Count, 0, Slabs / 4);
        Assert.InRange(_cache.Bytes, 0, Bound / 4);
        Assert.Equal(200, Enumerable.Range(1, 200).Count(i => Read(_cache, 200 * i)));
        Assert.Equal(200, _cache.Count);
    }

    [Fact]
    public void Once_nothing_is_left_nothing_is_counted()
    {
        var slabs = Add(_cache, 1, 5000);
        for (var revision = 1; revision <= 5000; revision++)
        {
            if (revision % 3 == 0)
                Assert.True(Read(_cache, revision));

            _cache.Remove(new RecordId(revision, 0));
        }

        Assert.Equal((0, 0), (_cache.Bytes, _cache.Count));
        Assert.Empty(Alive(slabs));
    }

    [Fact]
    public void A_value_that_comes_back_is_copied_at_once()
    {
        Add(_cache, 1, 4000, valueLength: 15_000);
        var slab = AddOne(_cache, 1, valueLength: 15_000);

        Assert.False(IsAlive(slab));
        Assert.True(Read(_cache, 1, valueLength: 15_000));
    }

    [Fact]
    public void A_cache_of_a_few_slabs_keeps_none()
    {
        var cache = new ValueCache(4 << 20);
        var slab = AddOne(cache, 1);

        Assert.False(IsAlive(slab));
        Assert.True(Read(cache, 1));
    }

    [Fact]
    public void Threads_that_read_and_remove_get_right_bytes_and_leave_nothing()
    {
        var writer = new SlabWriter();
        var added = 0;
        Parallel.For(0, 4, new ParallelOptions { MaxDegreeOfParallelism = 4 }, worker =>
        {
            var random = Draw.From(worker);
            for (var i = 0; i < 100_000; i++)
            {
                if (worker == 0)
                {
                    _cache.Add(new RecordId(i + 1, 0), Encode(writer, i + 1, 500));
                    Volatile.Write(ref added, i + 1);
                }
                else if (Volatile.Read(ref added) is > 0 and var last)
                {
                    var revision = random.Next(Math.Max(1, last - 20_000), last + 1);
                    if (worker == 1)
                        _cache.Remove(new RecordId(revision, 0));
                    else if (_cache.TryGet(new RecordId(revision, 0), out var value))
                        Assert.Equal(Value(revision, 500), KeyValueWire.Value(value).ToArray());
                }
            }
        });
        Assert.InRange(_cache.Bytes, 1, Bound + (Bound / 32)); // a stripe makes room when it is used next
        for (var revision = 1; revision <= 100_000; revision++)
            _cache.Remove(new RecordId(revision, 0));

        Assert.Equal(0, _cache.Bytes);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference AddOne(ValueCache cache, long revision, int valueLength = 500) => Add(cache, revision, 1, valueLength)[0];

    /// <summary>Adds pairs from slabs that no writer goes on with.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static List<WeakReference> Add(ValueCache cache, long first, int count, int valueLength = 500) =>
        Add(cache, new SlabWriter(), first, count, valueLength);

    /// <summary>Adds pairs; gives the slabs they lie in.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static List<WeakReference> Add(ValueCache cache, SlabWriter writer, long first, int count, int valueLength = 500)
    {
        var slabs = new List<WeakReference>();
        for (var revision = first; revision < first + count; revision++)
        {
            var pair = Encode(writer, revision, valueLength);
            if (slabs.Count == 0 || slabs[^1].Target != PairSlab.Of(pair))
                slabs.Add(new WeakReference(PairSlab.Of(pair)));

            cache.Add(new RecordId(revision, 0), pair);
        }

        return slabs;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool Read(ValueCache cache, long revision, int valueLength = 500)
    {
        if (!cache.TryGet(new RecordId(revision, 0), out var pair))
            return false;

        Assert.Null(PairSlab.Of(pair));
        Assert.Equal(Value(revision, valueLength), KeyValueWire.Value(pair).ToArray());
        return true;
    }

    private static bool IsAlive(WeakReference slab) => Alive([slab]).Count > 0;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static HashSet<object> Alive(List<WeakReference> slabs)
    {
        GC.Collect();
        return [.. slabs.Select(slab => slab.Target).OfType<PairSlab>()];
    }

    private static ReadOnlyMemory<byte> Encode(SlabWriter writer, long revision, int valueLength) =>
        writer.Encode("key"u8, new KeyVersion(revision, 0, revision, 1, 0, valueLength), Value(revision, valueLength));

    private static byte[] Value(long revision, int length)
    {
        var value = new byte[length];
        for (var i = 0; i < length; i++)
            value[i] = (byte)(revision + i);

        return value;
    }
}
