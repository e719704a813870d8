using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Kine.Backends.Nats;

/// <summary>A message in the library's memory, only valid during the call that hands it out; the default value tells the end of the connection.</summary>
internal readonly unsafe ref struct ArrivedMessage(nint message)
{
    /// <summary>True when there is no message, and none will come: the connection is gone.</summary>
    public bool IsLost => message == 0;

    /// <summary>Payload.</summary>
    public ReadOnlySpan<byte> Data => new(NativeNats.natsMsg_GetData(message), NativeNats.natsMsg_GetDataLength(message));

    /// <summary>Header <see cref="LogTail.Header"/>, ASCII; empty when absent.</summary>
    public ReadOnlySpan<byte> Tail => Header("Kine-Tail\0"u8);

    /// <summary>Header <see cref="LogTail.ContentHeader"/>, base64; empty when absent.</summary>
    public ReadOnlySpan<byte> Content => Header("Kine-Content\0"u8);

    /// <summary>The server's own status line: 404, 408, 503, ...; 0 when there is none.</summary>
    public int Status => int.TryParse(Encoding.ASCII.GetString(Header("Status\0"u8)), CultureInfo.InvariantCulture, out var status) ? status : 0;

    /// <summary>A copy that lasts.</summary>
    public NatsReply Copy()
    {
        var tail = Tail.ToArray();
        return new NatsReply(Data.ToArray(), tail.Length == 0 ? Status : 0, tail, tail.Length == 0 ? [] : Content.ToArray());
    }

    private ReadOnlySpan<byte> Header(ReadOnlySpan<byte> name)
    {
        fixed (byte* key = name)
        {
            byte* value;
            return NativeNats.natsMsgHeader_Get(message, key, &value) == NativeNats.Ok ? MemoryMarshal.CreateReadOnlySpanFromNullTerminated(value) : default;
        }
    }
}
