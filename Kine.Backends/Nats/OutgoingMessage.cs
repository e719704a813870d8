using System.Text;

namespace Kine.Backends.Nats;

/// <summary>A message to be sent: a request to the server's API, or a message of the log.</summary>
/// <param name="Subject">Where it goes.</param>
/// <param name="Data">Payload.</param>
internal sealed record OutgoingMessage(string Subject, ReadOnlyMemory<byte> Data)
{
    /// <summary>The stream's last sequence without which the server must refuse it; null = none.</summary>
    public ulong? ExpectedLast { get; init; }

    /// <summary>Text of the tail header, null-terminated; null = none.</summary>
    public byte[]? Tail { get; init; }

    /// <summary>Content header in base64, null-terminated; null = none.</summary>
    public byte[]? Content { get; init; }

    /// <summary>The library's message; the caller destroys it.</summary>
    public unsafe nint Create(string reply)
    {
        nint message;
        fixed (byte* data = Data.Span)
        {
            Must(NativeNats.natsMsg_Create(out message, Subject, reply, data, Data.Length));
        }

        try
        {
            if (ExpectedLast is { } last)
            {
                Set(message, "Nats-Expected-Last-Sequence\0"u8, Encoding.ASCII.GetBytes($"{last}\0"));
            }

            if (Tail is not null)
            {
                Set(message, "Kine-Tail\0"u8, Tail);
            }

            if (Content is not null)
            {
                Set(message, "Kine-Content\0"u8, Content);
            }

            return message;
        }
        catch
        {
            NativeNats.natsMsg_Destroy(message);
            throw;
        }
    }

    private static unsafe void Set(nint message, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        fixed (byte* key = name)
        fixed (byte* text = value)
        {
            Must(NativeNats.natsMsgHeader_Set(message, key, text));
        }
    }

    private static void Must(int status)
    {
        if (status != NativeNats.Ok)
        {
            throw new NatsLinkException($"building a message failed: {NativeNats.LastError(status)}", sent: false);
        }
    }
}
