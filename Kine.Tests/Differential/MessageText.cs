using System.Collections;
using System.Text;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Kine.Etcd;

namespace Kine.Tests.Differential;

/// <summary>
/// A message as one line of text that two servers' replies are compared by: every field that is set, bytes readable, and nothing that
/// differs between two healthy clusters (cluster and member ids, raft terms). Presence counts: an empty header is not a missing one.
/// </summary>
public static class MessageText
{
    private const int LongestShown = 60;

    public static string Of(IMessage message)
    {
        var text = new StringBuilder();
        Append(text, message);
        var parsed = message.Descriptor.Parser.WithDiscardUnknownFields(true).ParseFrom(message.ToByteString());
        if (parsed.CalculateSize() != message.CalculateSize())
            text.Append(" +unknown fields");

        return text.ToString();
    }

    /// <summary>Bytes as text, with everything that is not printable in hex, and long ones by their length and hash.</summary>
    public static string Of(ByteString bytes)
    {
        var text = new StringBuilder("\"");
        foreach (var b in bytes.Length <= LongestShown ? bytes.Span : bytes.Span[..LongestShown])
        {
            if (b is >= 0x20 and < 0x7f and not (byte)'"' and not (byte)'\\')
                text.Append((char)b);
            else
                text.Append($"\\x{b:x2}");
        }
        text.Append('"');
        if (bytes.Length > LongestShown)
            text.Append($"..{bytes.Length} bytes, {Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(bytes.Span)).AsSpan(0, 8)}");

        return text.ToString();
    }

    private static void Append(StringBuilder text, IMessage message)
    {
        text.Append('{');
        var first = true;
        foreach (var field in message.Descriptor.Fields.InFieldNumberOrder())
        {
            if (message is ResponseHeader && field.FieldNumber != ResponseHeader.RevisionFieldNumber)
                continue;

            var value = field.Accessor.GetValue(message);
            if (IsUnset(field, message, value))
                continue;

            if (!first)
                text.Append(' ');

            first = false;
            text.Append(field.Name).Append('=');
            if (value is IList list)
                AppendList(text, list);
            else
                AppendValue(text, value);
        }
        text.Append('}');
    }

    private static bool IsUnset(FieldDescriptor field, IMessage message, object? value)
    {
        if (field.RealContainingOneof is { } oneof)
            return oneof.Accessor.GetCaseFieldDescriptor(message) != field;

        return value switch
        {
            null => true,
            IList list => list.Count == 0,
            IMessage => false,
            ByteString bytes => bytes.IsEmpty,
            string words => words.Length == 0,
            bool flag => !flag,
            Enum number => Convert.ToInt64(number) == 0,
            _ => Convert.ToDecimal(value) == 0,
        };
    }

    private static void AppendList(StringBuilder text, IList list)
    {
        text.Append('[');
        for (var i = 0; i < list.Count; i++)
        {
            if (i > 0)
                text.Append(", ");

            AppendValue(text, list[i]!);
        }
        text.Append(']');
    }

    private static void AppendValue(StringBuilder text, object value)
    {
        switch (value)
        {
            case IMessage message:
                Append(text, message);
                break;
            case ByteString bytes:
                text.Append(Of(bytes));
                break;
            default:
                text.Append(value);
                break;
        }
    }
}
