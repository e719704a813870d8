using System.Numerics;
using System.Security.Cryptography;

namespace Kine.Backends.Nats;

/// <summary>
/// The public key of an NKey seed (Ed25519, RFC 8032), which the NATS library wants beside the seed file. A seed is base32 of two prefix bytes, 32 seed
/// bytes and a CRC-16; a public key of one prefix byte, 32 key bytes and a CRC-16.
/// </summary>
internal static class NKey
{
    private const string Base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    private const int SeedPrefix = 18 << 3; // 'S'
    private static readonly BigInteger P = (BigInteger.One << 255) - 19;
    private static readonly BigInteger D = Mod(-121665 * Inverse(121666));
    private static readonly BigInteger BaseX = BigInteger.Parse("15112221349535400772501151409588531511454012693041857206046113283949847762202");
    private static readonly BigInteger BaseY = Mod(4 * Inverse(5));

    /// <summary>Reads the seed file, decorated as <c>nsc</c> writes it or bare. Throws <see cref="NatsLinkException"/> without its content.</summary>
    public static string PublicKeyOf(string seedFile)
    {
        string[] lines;
        try
        {
            lines = File.ReadAllLines(seedFile);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new NatsLinkException($"the NKey seed file {seedFile} cannot be read: {error.Message}", sent: false, error) { Refused = true };
        }
        string? seed = lines.Select(line => line.Trim()).FirstOrDefault(line => line.Length == 58 && line[0] == 'S');
        return seed is not null && PublicKey(seed) is { } key
            ? key
            : throw new NatsLinkException($"the file {seedFile} holds no NKey seed", sent: false) { Refused = true };
    }

    /// <summary>The public key in its text form, or null when the text is no seed.</summary>
    public static string? PublicKey(string seed)
    {
        if (Decode(seed) is not { Length: 36 } raw || (raw[0] & 0xF8) != SeedPrefix || Crc16(raw.AsSpan(0, 34)) != (raw[34] | (raw[35] << 8)))
            return null;
        byte[] key = new byte[35];
        key[0] = (byte)(((raw[0] & 7) << 5) | (raw[1] >> 3));
        Derive(raw.AsSpan(2, 32), key.AsSpan(1, 32));
        int crc = Crc16(key.AsSpan(0, 33));
        (key[33], key[34]) = ((byte)crc, (byte)(crc >> 8));
        return Encode(key);
    }

    private static void Derive(ReadOnlySpan<byte> seed, Span<byte> key)
    {
        byte[] hash = SHA512.HashData(seed);
        hash[0] &= 0xF8;
        hash[31] = (byte)((hash[31] & 0x7F) | 0x40);
        var scalar = new BigInteger(hash.AsSpan(0, 32), isUnsigned: true);
        (BigInteger x, BigInteger y) = (BigInteger.Zero, BigInteger.One);
        for (int bit = 254; bit >= 0; bit--)
        {
            (x, y) = Sum(x, y, x, y);
            if (!((scalar >> bit) & 1).IsZero)
                (x, y) = Sum(x, y, BaseX, BaseY);
        }
        key.Clear();
        y.TryWriteBytes(key, out _, isUnsigned: true);
        if (!x.IsEven)
            key[31] |= 0x80;
    }

    private static (BigInteger X, BigInteger Y) Sum(BigInteger x1, BigInteger y1, BigInteger x2, BigInteger y2)
    {
        BigInteger product = Mod(D * x1 * x2 % P * y1 * y2);
        return (
            Mod(((x1 * y2) + (x2 * y1)) * Inverse(1 + product)),
            Mod(((y1 * y2) + (x1 * x2)) * Inverse(1 - product)));
    }

    private static BigInteger Inverse(BigInteger value) => BigInteger.ModPow(Mod(value), P - 2, P);

    private static BigInteger Mod(BigInteger value)
    {
        BigInteger rest = value % P;
        return rest.Sign < 0 ? rest + P : rest;
    }

    private static byte[]? Decode(string text)
    {
        byte[] bytes = new byte[text.Length * 5 / 8];
        int bits = 0;
        int buffer = 0;
        int count = 0;
        foreach (char letter in text)
        {
            int value = Base32.IndexOf(letter);
            if (value < 0)
                return null;
            buffer = (buffer << 5) | value;
            bits += 5;
            if (bits >= 8)
            {
                bits -= 8;
                bytes[count++] = (byte)(buffer >> bits);
                buffer &= (1 << bits) - 1;
            }
        }
        return bytes;
    }

    private static string Encode(ReadOnlySpan<byte> bytes)
    {
        var text = new System.Text.StringBuilder();
        int bits = 0;
        int buffer = 0;
        foreach (byte value in bytes)
        {
            buffer = (buffer << 8) | value;
            bits += 8;
            while (bits >= 5)
            {
                bits -= 5;
                text.Append(Base32[(buffer >> bits) & 31]);
            }
            buffer &= (1 << bits) - 1;
        }
        if (bits > 0)
            text.Append(Base32[(buffer << (5 - bits)) & 31]);
        return text.ToString();
    }

    // CRC-16/XMODEM.
    private static int Crc16(ReadOnlySpan<byte> bytes)
    {
        int crc = 0;
        foreach (byte value in bytes)
        {
            crc ^= value << 8;
            for (int bit = 0; bit < 8; bit++)
                crc = ((crc & 0x8000) != 0 ? (crc << 1) ^ 0x1021 : crc << 1) & 0xFFFF;
        }
        return crc;
    }
}
