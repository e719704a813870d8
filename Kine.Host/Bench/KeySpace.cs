using System.Text;
using Kine.Host.Bench.Http2;

namespace Kine.Host.Bench;

/// <summary>The keys of a run: a directory and a number, filled up with zeros to the key size.</summary>
/// <example><c>/registry/bench/k64v512/000000000000000000000000000000000000042</c></example>
public sealed class KeySpace
{
    private const int FewestDigits = 9;

    private const long Scatter = 2_654_435_761; // a prime above any number of keys, so that it has no divisor in common with one

    private readonly byte[] _directory;
    private readonly int _keySize;

    /// <summary>Creates the keys <c>prefix + name + '/' + number</c>.</summary>
    /// <exception cref="BenchException">The key size leaves less than nine digits for the number.</exception>
    public KeySpace(string prefix, string name, int keySize)
    {
        _directory = Encoding.UTF8.GetBytes(prefix + name + "/");
        _keySize = keySize;
        if (keySize - _directory.Length < FewestDigits)
        {
            throw new BenchException($"--key-size {keySize} is too small: '{prefix}{name}/' and a number need {_directory.Length + FewestDigits} bytes");
        }
    }

    /// <summary>Length of every key in bytes.</summary>
    public int KeySize => _keySize;

    /// <summary>What all keys begin with.</summary>
    public ReadOnlySpan<byte> Directory => _directory;

    /// <summary>The end of the range of all keys: the directory with its last byte, '/', raised by one.</summary>
    public byte[] End()
    {
        var end = _directory.ToArray();
        end[^1]++;
        return end;
    }

    /// <summary>
    /// The key number at a place of an order that takes each of <paramref name="count"/> keys once, but neighbours far apart: keys that were
    /// written in key order would lie side by side in a store, as they never do in practice.
    /// </summary>
    public static long Scattered(long place, int count) => place % count * Scatter % count;

    /// <summary>Appends the bytes of a key.</summary>
    public void Write(WireBuffer target, long number)
    {
        var key = target.Reserve(_keySize);
        _directory.CopyTo(key);
        for (var index = _keySize - 1; index >= _directory.Length; index--)
        {
            key[index] = (byte)('0' + (number % 10));
            number /= 10;
        }

        target.Advance(_keySize);
    }

    /// <summary>The number of a key, or -1 if it is none of these keys.</summary>
    public long NumberOf(ReadOnlySpan<byte> key)
    {
        if (key.Length != _keySize || !key.StartsWith(_directory))
        {
            return -1;
        }

        long number = 0;
        foreach (var digit in key[_directory.Length..])
        {
            if (digit is < (byte)'0' or > (byte)'9' || number > long.MaxValue / 20)
            {
                return -1;
            }

            number = (number * 10) + digit - '0';
        }

        return number;
    }
}
