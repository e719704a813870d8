using System.Numerics;
using System.Security.Cryptography;

namespace Kine.Backends.Nats;

/// <summary>
/// The little of Ed25519 (RFC 8032) that the class library lacks and NKeys need: the public key of a seed. Not in constant time; it runs once, on this
/// machine's own seed.
/// </summary>
internal static class Ed25519
{
    private static readonly BigInteger P = (BigInteger.One << 255) - 19;
    private static readonly BigInteger D = Mod(-121665 * Inverse(121666));
    private static readonly BigInteger BaseX = BigInteger.Parse("15112221349535400772501151409588531511454012693041857206046113283949847762202");
    private static readonly BigInteger BaseY = Mod(4 * Inverse(5));

    /// <summary>The 32 bytes of the public key.</summary>
    public static byte[] PublicKey(ReadOnlySpan<byte> seed) => BaseTimes(Scalar(SHA512.HashData(seed)));

    /// <summary>The secret scalar in the first half of a hashed seed.</summary>
    public static BigInteger Scalar(ReadOnlySpan<byte> hash)
    {
        var half = hash[..32].ToArray();
        half[0] &= 0xF8;
        half[31] = (byte)((half[31] & 0x7F) | 0x40);
        return new BigInteger(half, isUnsigned: true);
    }

    /// <summary>The encoded point that is the base point times a number.</summary>
    public static byte[] BaseTimes(BigInteger scalar)
    {
        (var x, var y) = (BigInteger.Zero, BigInteger.One);
        for (var bit = 254; bit >= 0; bit--)
        {
            (x, y) = Sum(x, y, x, y);
            if (!((scalar >> bit) & 1).IsZero)
            {
                (x, y) = Sum(x, y, BaseX, BaseY);
            }
        }
        var point = new byte[32];
        y.TryWriteBytes(point, out _, isUnsigned: true);
        if (!x.IsEven)
        {
            point[31] |= 0x80;
        }

        return point;
    }

    private static (BigInteger X, BigInteger Y) Sum(BigInteger x1, BigInteger y1, BigInteger x2, BigInteger y2)
    {
        var product = Mod(D * x1 * x2 % P * y1 * y2);
        return (
            Mod(((x1 * y2) + (x2 * y1)) * Inverse(1 + product)),
            Mod(((y1 * y2) + (x1 * x2)) * Inverse(1 - product)));
    }

    private static BigInteger Inverse(BigInteger value) => BigInteger.ModPow(Mod(value), P - 2, P);

    private static BigInteger Mod(BigInteger value)
    {
        var rest = value % P;
        return rest.Sign < 0 ? rest + P : rest;
    }
}
