using Google.Protobuf;

namespace Kine.Tests.Differential;

/// <summary>What the generator knows of the servers' state, learnt from the reference's answers. All choices come from one seeded source.</summary>
public sealed class KeyspaceView(int seed)
{
    public const int LeaseIdCount = 12;

    private static readonly byte[][] Keys = [.. MakeKeys()];

    private static readonly byte[][] Values =
    [
        [], "a"u8.ToArray(), "b"u8.ToArray(), "value"u8.ToArray(), [0], [0xff, 0xfe], [.. Enumerable.Repeat((byte)'x', 300)],
        [.. Enumerable.Range(0, 3000).Select(i => (byte)i)],
    ];

    public Random Random { get; } = new(seed);

    /// <summary>The revision of the last answer of the reference.</summary>
    public long Revision { get; set; } = 1;

    /// <summary>The last compacted revision, 0 before any compaction.</summary>
    public long Compacted { get; set; }

    /// <summary>Every revision that was ever compacted at.</summary>
    public HashSet<long> Compactions { get; } = [];

    /// <summary>Revisions whose transaction may have deleted a key and written it again.</summary>
    public HashSet<long> Rewritten { get; } = [];

    public bool Chance(double probability) => Random.NextDouble() < probability;

    public T Pick<T>(params T[] choices) => choices[Random.Next(choices.Length)];

    public ByteString Key() => ByteString.CopyFrom(Keys[Random.Next(Keys.Length)]);

    public ByteString Value() => ByteString.CopyFrom(Values[Random.Next(Values.Length)]);

    /// <summary>A key that is now and then empty, which no request may be.</summary>
    public ByteString KeyOrNone() => Chance(0.01) ? ByteString.Empty : Key();

    /// <summary>One of the forms of range_end: none, the next key, a prefix' end, everything from the key on, or any other key.</summary>
    public ByteString RangeEnd(ByteString key) => Random.Next(10) switch
    {
        0 or 1 or 2 => ByteString.Empty,
        3 => ByteString.CopyFrom(0),
        4 => ByteString.CopyFrom([.. key, 0]),
        5 or 6 => PrefixEnd(key),
        7 => key,
        _ => Key(),
    };

    /// <summary>0 most of the time, else a revision around all borders: negative, compacted, old, current, future.</summary>
    public long RevisionAround()
    {
        if (Chance(0.5))
            return 0;

        return Random.Next(12) switch
        {
            0 => -Random.Next(1, 4),
            1 => Compacted,
            2 => Compacted - 1,
            3 => Compacted + 1,
            4 => Revision,
            5 => Revision + Random.Next(1, 4),
            _ => Random.NextInt64(Math.Max(1, Compacted), Revision + 1),
        };
    }

    /// <summary>A bound for the min/max filters: mostly none.</summary>
    public long FilterBound() => Chance(0.85) ? 0 : Chance(0.05) ? -1 : Random.NextInt64(1, Revision + 2);

    /// <summary>One of a dozen ids, small, large and negative ones.</summary>
    public long LeaseId()
    {
        var n = Random.Next(LeaseIdCount);
        return (n % 3) switch
        {
            0 => 1000 + n,
            1 => long.MaxValue - n,
            _ => -77 - n,
        };
    }

    public static ByteString PrefixEnd(ByteString prefix)
    {
        var end = prefix.ToByteArray();
        for (var i = end.Length - 1; i >= 0; i--)
        {
            if (end[i] < 0xff)
            {
                end[i]++;
                return ByteString.CopyFrom(end.AsSpan(0, i + 1));
            }
        }
        return ByteString.CopyFrom(0);
    }

    private static IEnumerable<byte[]> MakeKeys()
    {
        foreach (var resource in new[] { "pods", "services/specs", "leases" })
        {
            foreach (var ns in new[] { "default", "kube-system" })
            {
                for (var i = 0; i < 5; i++)
                    yield return System.Text.Encoding.UTF8.GetBytes($"/registry/{resource}/{ns}/{i}");
            }
        }
        yield return "/registry/"u8.ToArray();
        yield return "/registry/pods/"u8.ToArray();
        yield return "/registry/pods0"u8.ToArray();
        yield return "compact_rev_key"u8.ToArray();
        foreach (var key in new[] { "a", "aa", "ab", "b", "b/", "b/c/d/e", "/", "//", "///", "z" })
            yield return System.Text.Encoding.UTF8.GetBytes(key);

        yield return [0];
        yield return [0, 0];
        yield return [(byte)'a', 0];
        yield return [(byte)'a', 0xff];
        yield return [0xff];
        yield return [0xff, 0xff, 1];
        yield return [0xc3, 0x28];
    }
}
