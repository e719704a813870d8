using System.Text;
using Microsoft.Net.Http.Headers;

namespace Kine.Host.Grpc;

/// <summary>
/// How Kestrel reads a request's headers. It ends a connection over bytes that are not UTF-8, and over an authority that is no host name; etcd takes both, and
/// clients send them: <c>:2379</c>, <c>#initially=[...]</c>, the path of a socket.
/// </summary>
internal static class HeaderEncodings
{
    private const string Authority = ":authority";

    private static readonly Encoding AnyAuthority = new ConstantEncoding("localhost");

    /// <summary>For RequestHeaderEncodingSelector.</summary>
    public static Encoding Select(string name) => name == Authority || name == HeaderNames.Host ? AnyAuthority : Encoding.Latin1;

    /// <summary>Reads any bytes as the same text: nobody here asks for the authority.</summary>
    private sealed unsafe class ConstantEncoding(string text) : Encoding
    {
        public override int GetCharCount(byte* bytes, int count) => text.Length;

        public override int GetCharCount(byte[] bytes, int index, int count) => text.Length;

        public override int GetChars(byte* bytes, int byteCount, char* chars, int charCount)
        {
            text.CopyTo(new Span<char>(chars, charCount));
            return text.Length;
        }

        public override int GetChars(byte[] bytes, int byteIndex, int byteCount, char[] chars, int charIndex)
        {
            text.CopyTo(chars.AsSpan(charIndex));
            return text.Length;
        }

        public override int GetMaxCharCount(int byteCount) => text.Length;

        public override int GetByteCount(char[] chars, int index, int count) => throw new NotSupportedException();

        public override int GetBytes(char[] chars, int charIndex, int charCount, byte[] bytes, int byteIndex) => throw new NotSupportedException();

        public override int GetMaxByteCount(int charCount) => throw new NotSupportedException();
    }
}
