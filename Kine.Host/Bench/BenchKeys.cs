using System.Globalization;
using System.Text;
using Google.Protobuf;

namespace Kine.Host.Bench;

/// <summary>The keys of a run: a directory and a number, filled up with zeros to the key size.</summary>
/// <example><c>/registry/bench/k64v512/000000000000000000000000000000000000042</c></example>
internal sealed class BenchKeys
{
    private const int FewestDigits = 9;

    private const long Scatter = 2_654_435_761; // a prime above any number of keys, so that it has no divisor in common with one

    /// <summary>Creates the keys <c>prefix + name + '/' + number</c>.</summary>
    /// <exception cref="BenchException">The key size leaves less than nine digits for the number.</exception>
    public BenchKeys(string prefix, string name, int keySize)
    {
        var directory = Encoding.UTF8.GetBytes(prefix + name + "/");
        if (keySize - directory.Length < FewestDigits)
            throw new BenchException($"--key-size {keySize} is too small: '{prefix}{name}/' and a number need {directory.Length + FewestDigits} bytes");

        KeySize = keySize;
        Directory = ByteString.CopyFrom(directory);
        directory[^1]++;
        End = ByteString.CopyFrom(directory);
    }

    public int KeySize { get; }

    /// <summary>What all keys begin with.</summary>
    public ByteString Directory { get; }

    /// <summary>The end of the range of all keys: the directory with its last byte, '/', raised by one.</summary>
    public ByteString End { get; }

    /// <summary>
    /// The key number at a place of an order that takes each of <paramref name="count"/> keys once, but neighbours far apart: keys that were
    /// written in key order would lie side by side in a store, as they never do in practice.
    /// </summary>
    public static long Scattered(long place, int count) => place % count * Scatter % count;

    public ByteString Key(long number) => UnsafeByteOperations.UnsafeWrap(Write(new byte[KeySize], number));

    /// <summary>Where a page begins that goes on behind a key: the key and a zero byte.</summary>
    public ByteString Behind(long number) => UnsafeByteOperations.UnsafeWrap(Write(new byte[KeySize + 1], number));

    /// <summary>The number of a key, or -1 if it is none of these keys.</summary>
    public long NumberOf(ReadOnlySpan<byte> key) =>
        key.Length == KeySize && key.StartsWith(Directory.Span) && long.TryParse(key[Directory.Length..], NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : -1;

    private byte[] Write(byte[] key, long number)
    {
        Directory.CopyTo(key, 0);
        for (var index = KeySize - 1; index >= Directory.Length; index--)
        {
            key[index] = (byte)('0' + (number % 10));
            number /= 10;
        }

        return key;
    }
}
