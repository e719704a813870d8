using System.Numerics;

namespace Kine.Grains.Index;

/// <summary>
/// Numbers in as many bits each as the distance between the least and the greatest of them needs: none when they are all the same. The bits
/// are in words that columns share, one column after the other. There are <see cref="Spare"/> words more than full ones, so that a number is
/// read from two words without asking whether it reaches into the second.
/// </summary>
internal readonly struct PackedColumn
{
    public const int Spare = 2; // words

    private readonly long _least;
    private readonly int _offset; // bits
    private readonly int _width; // bits a number

    /// <summary>Packs <paramref name="numbers"/> at bit <paramref name="offset"/> of <paramref name="words"/>, which are 0 from there on.</summary>
    public PackedColumn(ReadOnlySpan<long> numbers, Span<ulong> words, int offset)
    {
        var least = numbers[0];
        var greatest = numbers[0];
        foreach (var number in numbers)
        {
            least = Math.Min(least, number);
            greatest = Math.Max(greatest, number);
        }

        _least = least;
        _offset = offset;
        _width = 64 - BitOperations.LeadingZeroCount((ulong)(greatest - least));
        for (var i = 0; i < numbers.Length; i++)
        {
            var distance = (ulong)(numbers[i] - least);
            var bit = offset + i * _width;
            words[bit >> 6] |= distance << (bit & 63);
            words[(bit >> 6) + 1] |= distance >> 1 >> (63 - (bit & 63));
        }

        End = offset + numbers.Length * _width;
    }

    /// <summary>The first bit after the column.</summary>
    public int End { get; }

    /// <summary>The number at <paramref name="index"/>, from the words that the column was packed into.</summary>
    public long this[ulong[] words, int index]
    {
        get
        {
            var bit = _offset + index * _width;
            var low = words[bit >> 6] >> (bit & 63);
            var high = words[(bit >> 6) + 1] << 1 << (63 - (bit & 63));
            var mask = _width == 64 ? ulong.MaxValue : (1UL << _width) - 1;
            return _least + (long)((low | high) & mask);
        }
    }
}
