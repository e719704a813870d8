using FsCheck;
using FsCheck.Fluent;
using Google.Protobuf;
using Kine.Etcd;
using Kine.Grains.Index;
using Kine.Grains.Values;

namespace Kine.Tests.Index;

/// <summary>The hand-written codec against protobuf's own.</summary>
public sealed class KeyValueWireTests
{
    [Fact]
    public void Every_pair_is_written_as_protobuf_writes_it() =>
        Check((key, value, create, mod, version, lease) =>
        {
            var of = new KeyVersion(mod, 0, create, version, lease, value.Length);
            var encoded = KeyValueWire.Encode(key, of, value);
            Assert.Equal(Message(key, of, value).ToByteArray(), encoded);
            Assert.Equal(encoded.Length, KeyValueWire.EncodedLength(key.Length, of, keysOnly: false));
            Assert.Equal(key, KeyValueWire.Key(encoded).ToArray());
            Assert.Equal(value, KeyValueWire.Value(encoded).ToArray());
        });

    [Fact]
    public void Keys_only_leaves_the_value_out_and_keeps_the_lease() =>
        Check((key, value, create, mod, version, lease) =>
        {
            var of = new KeyVersion(mod, 0, create, version, lease, value.Length);
            var encoded = KeyValueWire.EncodeKeysOnly(key, of);
            Assert.Equal(Message(key, of, []).ToByteArray(), encoded);
            Assert.Equal(encoded.Length, KeyValueWire.EncodedLength(key.Length, of, keysOnly: true));
            Assert.True(KeyValueWire.Value(encoded).IsEmpty);
        });

    [Fact]
    public void Of_a_tombstone_there_are_key_and_mod_revision_only()
    {
        var tombstone = KeyVersion.Tombstone(300, 2);
        var encoded = KeyValueWire.Encode("abc"u8, tombstone, "ignored"u8);

        Assert.Equal(new KeyValue { Key = ByteString.CopyFromUtf8("abc"), ModRevision = 300 }.ToByteArray(), encoded);
        Assert.Equal(encoded.Length, KeyValueWire.EncodedLength(3, tombstone, keysOnly: false));
    }

    private static void Check(Action<byte[], byte[], long, long, long, long> check)
    {
        var bytes = ArbMap.Default.GeneratorFor<byte[]>();
        var numbers = Gen.OneOf(ArbMap.Default.GeneratorFor<long>(), Gen.Choose(0, 63).Select(bit => 1L << bit), Gen.Constant(0L));
        Gen<(byte[], byte[], long[])> cases = bytes.SelectMany(key => bytes.SelectMany(value => numbers.ArrayOf(4).Select(four => (key, value, four))));
        var property = Prop.ForAll(cases.ToArbitrary(), of => check(of.Item1, of.Item2, of.Item3[0], of.Item3[1], of.Item3[2], of.Item3[3]));
        property.Check(Config.QuickThrowOnFailure.WithReplay((ulong)Draw.Seed(11), 7));
    }

    private static KeyValue Message(byte[] key, in KeyVersion version, byte[] value) => new()
    {
        Key = ByteString.CopyFrom(key),
        CreateRevision = version.Create,
        ModRevision = version.Mod,
        Version = version.Version,
        Value = ByteString.CopyFrom(value),
        Lease = version.Lease,
    };
}
