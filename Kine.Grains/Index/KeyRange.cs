namespace Kine.Grains.Index;

/// <summary>
/// The keys a request means, in etcd's forms (etcd v3 API, RangeRequest.key and range_end): an empty <see cref="End"/> is the key
/// <see cref="Start"/> alone, an end of one zero byte is every key from the start on, anything else is [start, end). Order is that of
/// unsigned bytes.
/// </summary>
public readonly struct KeyRange(ReadOnlyMemory<byte> start, ReadOnlyMemory<byte> end)
{
    private static readonly byte[] Zero = [0];

    /// <summary>Every key there can be.</summary>
    public static KeyRange All => new(Zero, Zero);

    /// <summary>First key of the range, or the only one.</summary>
    public ReadOnlyMemory<byte> Start { get; } = start;

    /// <summary>The range's end in etcd's form.</summary>
    public ReadOnlyMemory<byte> End { get; } = end;

    /// <summary>True when the range is one key.</summary>
    public bool IsSingle => End.IsEmpty;

    /// <summary>True when the range has a start but no end.</summary>
    public bool IsOpen => End.Length == 1 && End.Span[0] == 0;

    /// <summary>True when no key can be in it: the end is not above the start.</summary>
    public bool IsEmpty => !IsSingle && !IsOpen && End.Span.SequenceCompareTo(Start.Span) <= 0;

    /// <summary>True when <paramref name="key"/> is in the range.</summary>
    public bool Contains(ReadOnlySpan<byte> key)
    {
        var toStart = key.SequenceCompareTo(Start.Span);
        if (toStart <= 0)
            return toStart == 0 && !IsEmpty;

        return !IsSingle && (IsOpen || key.SequenceCompareTo(End.Span) < 0);
    }
}
