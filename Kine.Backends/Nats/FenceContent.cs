using System.Text;

namespace Kine.Backends.Nats;

/// <summary>What a <see cref="MessageKind.Fence"/> message says beside its tail.</summary>
/// <param name="Holder">Who holds the log from here on; empty when it was given up.</param>
/// <param name="Address">Where the holder answers clients.</param>
/// <param name="LeaseTime">How long the claim stands without a sign of life; whole milliseconds.</param>
internal sealed record FenceContent(Guid Holder, string Address, TimeSpan LeaseTime)
{
    /// <summary>Before anybody held it.</summary>
    public static FenceContent None { get; } = new(Guid.Empty, "", TimeSpan.Zero);

    public void WriteTo(ByteWriter writer)
    {
        writer.Bytes(Holder.ToByteArray());
        writer.Varint((ulong)LeaseTime.TotalMilliseconds);
        writer.Block(Encoding.UTF8.GetBytes(Address));
    }

    public static FenceContent Read(ReadOnlySpan<byte> content)
    {
        var reader = new ByteReader(content);
        var holder = new Guid(reader.Bytes(16));
        var lease = TimeSpan.FromMilliseconds(reader.Varint());
        return new FenceContent(holder, Encoding.UTF8.GetString(reader.Block()), lease);
    }
}
