using System.Buffers;
using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Google.Protobuf;
using Kine.Grains.Requests;
using Orleans.Serialization;
using Orleans.Serialization.Buffers;
using Orleans.Serialization.Cloning;
using Orleans.Serialization.Codecs;
using Orleans.Serialization.Serializers;
using Orleans.Serialization.WireProtocol;

namespace Kine.Grains.Hosting;

/// <summary>
/// Carries protobuf messages between grains. Between silos they travel as their own bytes. Inside one silo nothing is copied: a message that was sent is never
/// changed again, neither by its sender nor by its receiver.
/// </summary>
internal sealed class ProtobufCodec : IGeneralizedCodec, IGeneralizedCopier, ITypeFilter
{
    private readonly ConcurrentDictionary<Type, Func<IMessage>> _messages = new();

    public bool IsSupportedType(Type type) => typeof(IMessage).IsAssignableFrom(type) && !type.IsAbstract;

    public bool? IsTypeAllowed(Type type) => IsSupportedType(type) ? true : null;

    [return: NotNullIfNotNull(nameof(input))]
    public object? DeepCopy(object? input, CopyContext context) => input;

    public void WriteField<TBufferWriter>(ref Writer<TBufferWriter> writer, uint fieldIdDelta, Type? expectedType, object? value)
        where TBufferWriter : System.Buffers.IBufferWriter<byte>
    {
        if (ReferenceCodec.TryWriteReferenceField(ref writer, fieldIdDelta, expectedType!, value!))
            return;

        // No message has the interface as its type, so that the header always names the type. A header without it would leave the reader nothing to parse by.
        var bytes = ((IMessage)value!).ToByteArray();
        writer.WriteFieldHeader(fieldIdDelta, typeof(IMessage), value!.GetType(), WireType.LengthPrefixed);
        writer.WriteVarUInt32((uint)bytes.Length);
        writer.Write(bytes);
    }

    public object? ReadValue<TInput>(ref Reader<TInput> reader, Field field)
    {
        if (field.IsReference)
            return ReferenceCodec.ReadReference(ref reader, field.FieldType!);

        field.EnsureWireType(WireType.LengthPrefixed);
        var create = _messages.GetOrAdd(field.FieldType!, static type => () => (IMessage)Activator.CreateInstance(type)!);
        var message = DeepMessages.Parse(create, new ReadOnlySequence<byte>(reader.ReadBytes(reader.ReadVarUInt32())));
        ReferenceCodec.RecordObject(reader.Session, message);
        return message;
    }
}
