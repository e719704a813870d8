using System.Text;

namespace Kine.Host.Bench.Http2;

/// <summary>One decoded header. Immutable, so that table entries are handed out without a copy.</summary>
public sealed class HeaderField
{
    private const int EntryOverhead = 32; // bytes, RFC 7541 section 4.1

    private readonly byte[] _name;
    private readonly byte[] _value;

    /// <summary>Takes the arrays over.</summary>
    public HeaderField(byte[] name, byte[] value)
    {
        _name = name;
        _value = value;
        Kind = Classify(name);
        if (Kind is HeaderKind.Status or HeaderKind.GrpcStatus)
        {
            Number = int.TryParse(Encoding.ASCII.GetString(value), out var number) && number >= 0 ? number : -1;
        }
    }

    /// <summary>Creates a field of ASCII text.</summary>
    public HeaderField(string name, string value)
        : this(Encoding.ASCII.GetBytes(name), Encoding.ASCII.GetBytes(value))
    {
    }

    /// <summary>Which of the headers a gRPC client looks at this is; worked out once per table entry.</summary>
    public HeaderKind Kind { get; }

    /// <summary>The value of :status or grpc-status, -1 if it is no number; 0 for every other header.</summary>
    public int Number { get; }

    /// <summary>Name bytes.</summary>
    public ReadOnlySpan<byte> NameBytes => _name;

    /// <summary>Name as text.</summary>
    public string Name => Encoding.ASCII.GetString(_name);

    /// <summary>Value as text, byte for byte (Latin-1).</summary>
    public string Value => Encoding.Latin1.GetString(_value);

    /// <summary>Size in bytes as HPACK counts it against the dynamic table.</summary>
    public int TableSize => _name.Length + _value.Length + EntryOverhead;

    internal byte[] NameArray => _name;

    private static HeaderKind Classify(ReadOnlySpan<byte> name) =>
        name.SequenceEqual(":status"u8) ? HeaderKind.Status
        : name.SequenceEqual("grpc-status"u8) ? HeaderKind.GrpcStatus
        : name.SequenceEqual("grpc-message"u8) ? HeaderKind.GrpcMessage
        : HeaderKind.Other;
}
