using System.Buffers;

namespace Kine.Host.Bench.Http2;

/// <summary>
/// Decoder of HPACK's Huffman code (RFC 7541, appendix B). The code is canonical: within a length codes count upwards in the
/// order of the symbols, and each length starts where the shorter one left off. So the 257 lengths say everything.
/// </summary>
public static class Huffman
{
    private const int EndOfString = 256;
    private const int ShortestCode = 5; // bits
    private const int LongestCode = 30; // bits

    private static readonly uint[] FirstCode = new uint[LongestCode + 1];
    private static readonly int[] FirstIndex = new int[LongestCode + 1];
    private static readonly int[] CodeCount = new int[LongestCode + 1];
    private static readonly short[] Symbols = new short[EndOfString + 1];

    static Huffman()
    {
        uint code = 0;
        var index = 0;
        for (var length = 1; length <= LongestCode; length++)
        {
            code <<= 1;
            FirstCode[length] = code;
            FirstIndex[length] = index;
            for (var symbol = 0; symbol <= EndOfString; symbol++)
            {
                if (Lengths[symbol] != length)
                {
                    continue;
                }

                Symbols[index++] = (short)symbol;
                code++;
            }

            CodeCount[length] = index - FirstIndex[length];
        }
    }

    /// <summary>Code lengths in bits of the symbols 0 to 255 and of the end-of-string symbol.</summary>
    private static ReadOnlySpan<byte> Lengths =>
    [
        13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
        28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
        6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
        5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
        13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
        7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
        15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
        6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
        20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
        24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
        22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
        21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
        26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
        19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
        20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
        26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
        30,
    ];

    /// <summary>Decodes one string.</summary>
    /// <exception cref="Http2Exception">An end-of-string symbol, or padding that is not up to 7 one bits.</exception>
    public static byte[] Decode(ReadOnlySpan<byte> encoded)
    {
        // No code is shorter than 5 bits, which bounds the decoded length.
        var buffer = ArrayPool<byte>.Shared.Rent((encoded.Length * 8 / ShortestCode) + 1);
        try
        {
            var written = 0;
            uint code = 0;
            var length = 0;
            foreach (var octet in encoded)
            {
                for (var bit = 7; bit >= 0; bit--)
                {
                    code = (code << 1) | (uint)((octet >> bit) & 1);
                    length++;
                    if (length > LongestCode)
                    {
                        throw new Http2Exception(Http2ErrorCode.CompressionError, "Huffman code of more than 30 bits");
                    }

                    var offset = code - FirstCode[length];
                    if (code < FirstCode[length] || offset >= CodeCount[length])
                    {
                        continue;
                    }

                    var symbol = Symbols[FirstIndex[length] + (int)offset];
                    if (symbol == EndOfString)
                    {
                        throw new Http2Exception(Http2ErrorCode.CompressionError, "Huffman string with an end-of-string symbol");
                    }

                    buffer[written++] = (byte)symbol;
                    code = 0;
                    length = 0;
                }
            }

            if (length > 7 || code != (1u << length) - 1)
            {
                throw new Http2Exception(Http2ErrorCode.CompressionError, "Huffman string with wrong padding");
            }

            return buffer.AsSpan(0, written).ToArray();
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
