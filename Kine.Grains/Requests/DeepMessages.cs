using System.Buffers;
using Google.Protobuf;

namespace Kine.Grains.Requests;

/// <summary>Reads messages that may be nested deeper than the 100 levels protobuf takes by itself: etcd takes 127 transactions in each other, two levels each.</summary>
public static class DeepMessages
{
    private const int MaxDepth = 1000;

    /// <summary>Parses a message.</summary>
    /// <param name="create">Makes an empty one.</param>
    /// <param name="bytes">Its wire form.</param>
    /// <exception cref="InvalidProtocolBufferException">It is malformed, or nested deeper than 1,000 levels.</exception>
    public static IMessage Parse(Func<IMessage> create, ReadOnlySequence<byte> bytes)
    {
        try
        {
            var message = create();
            message.MergeFrom(bytes);
            return message;
        }
        catch (InvalidProtocolBufferException)
        {
            // As one message in another, which has a length: the library makes sure that it ends there.
            var field = new MemoryStream();
            using (var output = new CodedOutputStream(field, leaveOpen: true))
                output.WriteBytes(UnsafeByteOperations.UnsafeWrap(bytes.ToArray()));

            field.Position = 0;
            var message = create();
            CodedInputStream.CreateWithLimits(field, int.MaxValue, MaxDepth).ReadMessage(message);
            return message;
        }
    }
}
