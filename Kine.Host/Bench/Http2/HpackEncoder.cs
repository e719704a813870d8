using System.Text;

namespace Kine.Host.Bench.Http2;

/// <summary>
/// Encoder of gRPC request headers. The headers that are the same in every call enter the server's dynamic table with the first
/// call, so that later ones take six bytes, as other gRPC clients do. Metadata is sent as literals. Not thread-safe: the owner
/// encodes in the order in which blocks go out.
/// </summary>
public sealed class HpackEncoder
{
    private const int FirstDynamicIndex = 62;
    private const int DefaultTableSize = 4096; // bytes
    private const int MethodPost = 3;
    private const int SchemeHttp = 6;
    private const int SchemeHttps = 7;
    private const int NameAuthority = 1;
    private const int NamePath = 4;
    private const int NameContentType = 31;
    private const int NameUserAgent = 58;

    private readonly string _scheme;
    private readonly string _authority;
    private readonly Dictionary<(string Name, string Value), int> _inserted = [];
    private int _tableSize;
    private int _tableLimit = DefaultTableSize;
    private bool _limitChanged;

    /// <summary>Creates an encoder for the requests of one connection.</summary>
    /// <param name="scheme"><c>http</c> or <c>https</c>.</param>
    /// <param name="authority">The value of :authority.</param>
    public HpackEncoder(string scheme, string authority)
    {
        _scheme = scheme;
        _authority = authority;
    }

    /// <summary>Takes the server's SETTINGS_HEADER_TABLE_SIZE, in bytes.</summary>
    public void SetTableLimit(long bytes)
    {
        var limit = (int)Math.Min(bytes, DefaultTableSize);
        if (limit == _tableLimit)
        {
            return;
        }

        _tableLimit = limit;
        _limitChanged = true;

        // A smaller table forgets the oldest entries first; starting over is simpler than following it and just as right.
        _inserted.Clear();
        _tableSize = 0;
    }

    /// <summary>Appends the header block of one call.</summary>
    public void Encode(WireBuffer target, string path, CallOptions? options)
    {
        if (_limitChanged)
        {
            _limitChanged = false;
            WriteInteger(target, 0x20, 5, 0);
            WriteInteger(target, 0x20, 5, _tableLimit);
        }

        WriteInteger(target, 0x80, 7, MethodPost);
        WriteInteger(target, 0x80, 7, _scheme == "https" ? SchemeHttps : SchemeHttp);
        WriteRepeated(target, NamePath, ":path", path);
        WriteRepeated(target, NameAuthority, ":authority", _authority);
        WriteRepeated(target, 0, "te", "trailers");
        WriteRepeated(target, NameContentType, "content-type", "application/grpc");
        WriteRepeated(target, NameUserAgent, "user-agent", "kine-bench");
        if (options?.Timeout is { } timeout)
        {
            WriteLiteral(target, "grpc-timeout", FormatTimeout(timeout));
        }

        if (options?.Metadata is { } metadata)
        {
            foreach (var (name, value) in metadata)
            {
                WriteLiteral(target, name, value);
            }
        }
    }

    /// <summary>A time span as grpc-timeout says it: at most eight digits and a unit.</summary>
    public static string FormatTimeout(TimeSpan timeout)
    {
        var microseconds = Math.Max(1, timeout.Ticks / TimeSpan.TicksPerMicrosecond);
        return microseconds < 100_000_000 ? $"{microseconds}u"
            : microseconds / 1000 < 100_000_000 ? $"{microseconds / 1000}m"
            : $"{Math.Min(99_999_999, microseconds / 1_000_000)}S";
    }

    private static void WriteLiteral(WireBuffer target, string name, string value)
    {
        target.WriteByte(0);
        WriteString(target, name);
        WriteString(target, value);
    }

    private static void WriteString(WireBuffer target, string text)
    {
        var length = Encoding.UTF8.GetByteCount(text);
        WriteInteger(target, 0, 7, length);
        Encoding.UTF8.GetBytes(text, target.Reserve(length));
        target.Advance(length);
    }

    private static void WriteInteger(WireBuffer target, byte pattern, int prefixBits, int value)
    {
        var mask = (1 << prefixBits) - 1;
        if (value < mask)
        {
            target.WriteByte((byte)(pattern | value));
            return;
        }

        target.WriteByte((byte)(pattern | mask));
        value -= mask;
        while (value >= 0x80)
        {
            target.WriteByte((byte)(value | 0x80));
            value >>= 7;
        }

        target.WriteByte((byte)value);
    }

    private void WriteRepeated(WireBuffer target, int nameIndex, string name, string value)
    {
        if (_inserted.TryGetValue((name, value), out var insertion))
        {
            WriteInteger(target, 0x80, 7, FirstDynamicIndex + _inserted.Count - 1 - insertion);
            return;
        }

        var entrySize = name.Length + value.Length + 32;
        var indexed = _tableSize + entrySize <= _tableLimit;
        if (indexed)
        {
            _tableSize += entrySize;
            _inserted.Add((name, value), _inserted.Count);
            WriteInteger(target, 0x40, 6, nameIndex);
        }
        else
        {
            WriteInteger(target, 0, 4, nameIndex);
        }

        if (nameIndex == 0)
        {
            WriteString(target, name);
        }

        WriteString(target, value);
    }
}
