using System.Buffers;
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

    private static readonly Encoding AnyAuthority = new AuthorityEncoding();

    /// <summary>For RequestHeaderEncodingSelector.</summary>
    public static Encoding Select(string name) => name == Authority || name == HeaderNames.Host ? AnyAuthority : Encoding.Latin1;

    /// <summary>Reads what is no host as one that is: nobody here asks for it.</summary>
    private sealed unsafe class AuthorityEncoding : Encoding
    {
        private const string Instead = "localhost";

        private static readonly SearchValues<byte> HostBytes = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-"u8);

        public override int GetCharCount(byte* bytes, int count) => IsHost(new ReadOnlySpan<byte>(bytes, count)) ? count : Instead.Length;

        public override int GetChars(byte* bytes, int byteCount, char* chars, int charCount)
        {
            var read = new ReadOnlySpan<byte>(bytes, byteCount);
            var text = new Span<char>(chars, charCount);
            if (IsHost(read))
                return Latin1.GetChars(read, text);

            Instead.CopyTo(text);
            return Instead.Length;
        }

        public override int GetMaxCharCount(int byteCount) => Math.Max(byteCount, Instead.Length);

        public override int GetCharCount(byte[] bytes, int index, int count) => throw new NotSupportedException();

        public override int GetChars(byte[] bytes, int byteIndex, int byteCount, char[] chars, int charIndex) => throw new NotSupportedException();

        public override int GetByteCount(char[] chars, int index, int count) => throw new NotSupportedException();

        public override int GetBytes(char[] chars, int charIndex, int charCount, byte[] bytes, int byteIndex) => throw new NotSupportedException();

        public override int GetMaxByteCount(int charCount) => throw new NotSupportedException();

        // A name or an IPv4 address, and perhaps a port.
        private static bool IsHost(ReadOnlySpan<byte> text)
        {
            var colon = text.IndexOf((byte)':');
            var host = colon < 0 ? text : text[..colon];
            return host.Length > 0 && !host.ContainsAnyExcept(HostBytes) && (colon < 0 || IsPort(text[(colon + 1)..]));
        }

        private static bool IsPort(ReadOnlySpan<byte> text) => text.Length is > 0 and <= 5 && !text.ContainsAnyExceptInRange((byte)'0', (byte)'9');
    }
}
