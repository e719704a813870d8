using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Kine.Host.Transfer;

/// <summary>Number and sum of pairs, the same in whatever order they come: each adds the first 16 bytes of a SHA-256 over its key and value.</summary>
internal sealed class PairSum
{
    private UInt128 _sum;

    public long Count { get; private set; }

    /// <summary>The sum in hexadecimal digits.</summary>
    public string Text => _sum.ToString("x32");

    public void Add(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> length = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(length, key.Length);
        hash.AppendData(length);
        hash.AppendData(key);
        hash.AppendData(value);
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        hash.GetHashAndReset(digest);
        unchecked
        {
            _sum += BinaryPrimitives.ReadUInt128BigEndian(digest);
        }

        Count++;
    }
}
