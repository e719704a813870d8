using System.Text;

namespace Kine.Backends.Nats;

/// <summary>
/// The public key of an NKey seed (Ed25519, RFC 8032), which the NATS library wants beside the seed file. A seed is base32 of two prefix bytes, 32 seed
/// bytes and a CRC-16; a public key of one prefix byte, 32 key bytes and a CRC-16.
/// </summary>
internal static class NKey
{
    private const string Base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    private const int SeedPrefix = 18 << 3; // 'S'

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
        var seed = lines.Select(line => line.Trim()).FirstOrDefault(line => line.Length == 58 && line[0] == 'S');
        return seed is not null && PublicKey(seed) is { } key
            ? key
            : throw new NatsLinkException($"the file {seedFile} holds no NKey seed", sent: false) { Refused = true };
    }

    /// <summary>The public key in its text form, or null when the text is no seed.</summary>
    public static string? PublicKey(string seed)
    {
        if (Decode(seed) is not { Length: 36 } raw || (raw[0] & 0xF8) != SeedPrefix || Crc16(raw.AsSpan(0, 34)) != (raw[34] | (raw[35] << 8)))
        {
            return null;
        }

        var kind = (byte)(((raw[0] & 7) << 5) | (raw[1] >> 3));
        return Text([kind, .. Ed25519.PublicKey(raw.AsSpan(2, 32))]);
    }

    /// <summary>The text form of prefix and key: base32 with a CRC behind it.</summary>
    public static string Text(ReadOnlySpan<byte> bytes)
    {
        var crc = Crc16(bytes);
        return Encode([.. bytes, (byte)crc, (byte)(crc >> 8)]);
    }

    private static byte[]? Decode(string text)
    {
        var bytes = new byte[text.Length * 5 / 8];
        var bits = 0;
        var buffer = 0;
        var count = 0;
        foreach (var letter in text)
        {
            var value = Base32.IndexOf(letter);
            if (value < 0)
            {
                return null;
            }

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
        var text = new StringBuilder();
        var bits = 0;
        var buffer = 0;
        foreach (var value in bytes)
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
        {
            text.Append(Base32[(buffer << (5 - bits)) & 31]);
        }

        return text.ToString();
    }

    // CRC-16/XMODEM.
    private static int Crc16(ReadOnlySpan<byte> bytes)
    {
        var crc = 0;
        foreach (var value in bytes)
        {
            crc ^= value << 8;
            for (var bit = 0; bit < 8; bit++)
            {
                crc = ((crc & 0x8000) != 0 ? (crc << 1) ^ 0x1021 : crc << 1) & 0xFFFF;
            }
        }
        return crc;
    }
}
