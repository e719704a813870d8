using System.Text;

namespace Kine.Host.Grpc;

/// <summary>The encoding of <c>grpc-message</c>: UTF-8, where bytes outside of space to tilde, and the percent sign, become %XX.</summary>
internal static class PercentEncoding
{
    /// <summary>Encodes a status text; the same string when there is nothing to encode.</summary>
    public static string Encode(string text)
    {
        foreach (var c in text)
        {
            if (c is < ' ' or > '~' or '%')
            {
                return EncodeBytes(text);
            }
        }

        return text;
    }

    private static string EncodeBytes(string text)
    {
        var encoded = new StringBuilder(text.Length + 16);
        foreach (var b in Encoding.UTF8.GetBytes(text))
        {
            if (b is < (byte)' ' or > (byte)'~' or (byte)'%')
            {
                encoded.Append('%').Append(Digit(b >> 4)).Append(Digit(b & 15));
            }
            else
            {
                encoded.Append((char)b);
            }
        }

        return encoded.ToString();
    }

    private static char Digit(int value) => "0123456789ABCDEF"[value];
}
