using System.Numerics;
using System.Security.Cryptography;
using System.Text;
using MySqlConnector.Authentication;

namespace Kine.Backends.MySql;

/// <summary>
/// MariaDB's log-in client_ed25519: a signature (RFC 8032) of the server's challenge by the key whose seed is the password. The client library leaves it to a
/// package of its own. Not in constant time: whoever could measure it runs on this machine already.
/// </summary>
internal sealed class Ed25519Login : IAuthenticationPlugin3
{
    private const int Half = 32; // bytes
    private static readonly BigInteger P = (BigInteger.One << 255) - 19;
    private static readonly BigInteger Order = (BigInteger.One << 252) + BigInteger.Parse("27742317777372353535851937790883648493");
    private static readonly BigInteger D = Mod(-121665 * BigInteger.ModPow(121666, P - 2, P));

    private static readonly Point Base = Point.Of(
        BigInteger.Parse("15112221349535400772501151409588531511454012693041857206046113283949847762202"), Mod(4 * BigInteger.ModPow(5, P - 2, P)));

    public string Name => "client_ed25519";

    public byte[] CreateResponse(string password, ReadOnlySpan<byte> authenticationData)
    {
        CreateResponseAndPasswordHash(password, authenticationData, out var response, out _);
        return response;
    }

    public void CreateResponseAndPasswordHash(
        string password, ReadOnlySpan<byte> authenticationData, out byte[] authenticationResponse, out byte[] passwordHash)
    {
        var secret = SHA512.HashData(Encoding.UTF8.GetBytes(password));
        var clamped = secret[..Half];
        clamped[0] &= 0xF8;
        clamped[Half - 1] = (byte)((clamped[Half - 1] & 0x7F) | 0x40);
        var scalar = Number(clamped);
        var publicKey = Base.Times(scalar).Encode();
        var nonce = Number(SHA512.HashData([.. secret[Half..], .. authenticationData])) % Order;
        var commitment = Base.Times(nonce).Encode();
        var challenge = Number(SHA512.HashData([.. commitment, .. publicKey, .. authenticationData])) % Order;
        authenticationResponse = [.. commitment, .. Encode((nonce + (challenge * scalar)) % Order)];
        passwordHash = publicKey;
    }

    private static BigInteger Number(ReadOnlySpan<byte> bytes) => new(bytes, isUnsigned: true);

    private static byte[] Encode(BigInteger number)
    {
        var bytes = new byte[Half];
        number.TryWriteBytes(bytes, out _, isUnsigned: true);
        return bytes;
    }

    private static BigInteger Mod(BigInteger value)
    {
        var rest = value % P;
        return rest.Sign < 0 ? rest + P : rest;
    }

    // Extended homogeneous coordinates (RFC 8032, 5.1.4): no division for each sum.
    private readonly record struct Point(BigInteger X, BigInteger Y, BigInteger Z, BigInteger T)
    {
        public static Point Of(BigInteger x, BigInteger y) => new(x, y, BigInteger.One, Mod(x * y));

        public Point Times(BigInteger scalar)
        {
            var sum = Of(BigInteger.Zero, BigInteger.One);
            for (var bit = 254; bit >= 0; bit--)
            {
                sum = sum.Plus(sum);
                if (!((scalar >> bit) & 1).IsZero)
                    sum = sum.Plus(this);
            }
            return sum;
        }

        public byte[] Encode()
        {
            var inverse = BigInteger.ModPow(Z, P - 2, P);
            var bytes = Ed25519Login.Encode(Mod(Y * inverse));
            if (!Mod(X * inverse).IsEven)
                bytes[Half - 1] |= 0x80;

            return bytes;
        }

        private Point Plus(Point other)
        {
            var a = Mod((Y - X) * (other.Y - other.X));
            var b = Mod((Y + X) * (other.Y + other.X));
            var c = Mod(2 * D * T * other.T);
            var d = Mod(2 * Z * other.Z);
            (var e, var f, var g, var h) = (b - a, d - c, d + c, b + a);
            return new Point(Mod(e * f), Mod(g * h), Mod(f * g), Mod(e * h));
        }
    }
}
