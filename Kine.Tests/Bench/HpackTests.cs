using System.Text;
using Kine.Host.Bench;
using Kine.Host.Bench.Http2;

namespace Kine.Tests.Bench;

/// <summary>The worked examples of RFC 7541, appendix C, and what a decoder must refuse.</summary>
public sealed class HpackTests
{
    [Theory]
    [InlineData("f1e3c2e5f23a6ba0ab90f4ff", "www.example.com")]
    [InlineData("a8eb10649cbf", "no-cache")]
    [InlineData("25a849e95ba97d7f", "custom-key")]
    [InlineData("6402", "302")]
    [InlineData("aec3771a4b", "private")]
    [InlineData("d07abe941054d444a8200595040b8166e082a62d1bff", "Mon, 21 Oct 2013 20:13:21 GMT")]
    [InlineData("9d29ad171863c78f0b97c8e9ae82ae43d3", "https://www.example.com")]
    [InlineData("", "")]
    public void Huffman_strings_of_the_rfc_decode(string hex, string text) =>
        Assert.Equal(text, Encoding.ASCII.GetString(Huffman.Decode(Convert.FromHexString(hex))));

    [Theory]
    [InlineData("f1e3c2e5f23a6ba0ab90f4ffff")] // eight bits of padding
    [InlineData("06")] // '0' (00000) and then 110, which is no padding
    [InlineData("ffffffff")] // the end-of-string symbol
    public void Wrong_huffman_endings_are_refused(string hex) =>
        Assert.Equal(
            Http2ErrorCode.CompressionError,
            Assert.Throws<Http2Exception>(() => Huffman.Decode(Convert.FromHexString(hex))).Code);

    [Theory]
    [InlineData(0x1ff8, 13, 0)]
    [InlineData(0x7fffd8, 23, 1)]
    [InlineData(0x3ffffffc, 30, 10)]
    [InlineData(0x3ffffffe, 30, 22)]
    [InlineData(0x0, 5, '0')]
    [InlineData(0x7ffc, 15, '<')]
    [InlineData(0xffffffc, 28, 127)]
    [InlineData(0xfffe6, 20, 128)]
    [InlineData(0x7fff2, 19, 208)]
    [InlineData(0xffffffe, 28, 249)]
    [InlineData(0x3ffffee, 26, 255)]
    public void Codes_of_the_rfc_table_decode(int code, int length, int symbol)
    {
        var padding = (8 - (length % 8)) % 8;
        var bits = ((ulong)code << padding) | ((1UL << padding) - 1);
        var octets = new byte[(length + padding) / 8];
        for (var index = octets.Length - 1; index >= 0; index--, bits >>= 8)
        {
            octets[index] = (byte)bits;
        }

        Assert.Equal([(byte)symbol], Huffman.Decode(octets));
    }

    [Fact]
    public void Requests_without_huffman_decode_with_a_growing_table()
    {
        var decoder = new HpackDecoder();
        Assert.Equal(
            [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"],
            Decode(decoder, "828684410f7777772e6578616d706c652e636f6d"));
        Assert.Equal(57, decoder.TableSize);
        Assert.Equal(
            [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com", "cache-control: no-cache"],
            Decode(decoder, "828684be58086e6f2d6361636865"));
        Assert.Equal(110, decoder.TableSize);
        Assert.Equal(
            [":method: GET", ":scheme: https", ":path: /index.html", ":authority: www.example.com", "custom-key: custom-value"],
            Decode(decoder, "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565"));
        Assert.Equal(164, decoder.TableSize);
    }

    [Fact]
    public void Responses_with_huffman_evict_old_entries_from_a_small_table()
    {
        var decoder = new HpackDecoder(256);
        Assert.Equal(
            [":status: 302", "cache-control: private", "date: Mon, 21 Oct 2013 20:13:21 GMT", "location: https://www.example.com"],
            Decode(decoder, "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3"));
        Assert.Equal(222, decoder.TableSize);
        Assert.Equal(
            [":status: 307", "cache-control: private", "date: Mon, 21 Oct 2013 20:13:21 GMT", "location: https://www.example.com"],
            Decode(decoder, "4883640effc1c0bf"));
        Assert.Equal(222, decoder.TableSize);
        Assert.Equal(
            [
                ":status: 200", "cache-control: private", "date: Mon, 21 Oct 2013 20:13:22 GMT", "location: https://www.example.com",
                "content-encoding: gzip", "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
            ],
            Decode(decoder, "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007"));
        Assert.Equal(215, decoder.TableSize);
    }

    [Fact]
    public void A_size_update_empties_the_table_and_an_oversized_entry_is_not_kept()
    {
        var decoder = new HpackDecoder();
        Decode(decoder, "410f7777772e6578616d706c652e636f6d");
        Assert.Equal(57, decoder.TableSize);
        Decode(decoder, "20");
        Assert.Equal(0, decoder.TableSize);
        Assert.Equal([":authority: www.example.com"], Decode(decoder, "410f7777772e6578616d706c652e636f6d"));
        Assert.Equal(0, decoder.TableSize);
    }

    [Theory]
    [InlineData("80")] // index 0
    [InlineData("be")] // the dynamic table is empty
    [InlineData("ffffffffffffff")] // integer without end
    [InlineData("410f7777")] // string cut short
    [InlineData("8220")] // table size update behind a field
    [InlineData("3fe21f")] // table larger than allowed: 4097
    public void Malformed_blocks_are_refused(string hex) =>
        Assert.Equal(
            Http2ErrorCode.CompressionError,
            Assert.Throws<Http2Exception>(() => Decode(new HpackDecoder(), hex)).Code);

    [Fact]
    public void Request_headers_shrink_to_indexes_and_decode_to_the_same_fields()
    {
        var encoder = new HpackEncoder("http", "127.0.0.1:2379");
        var decoder = new HpackDecoder();
        string[] expected =
        [
            ":method: POST", ":scheme: http", ":path: /etcdserverpb.KV/Range", ":authority: 127.0.0.1:2379", "te: trailers",
            "content-type: application/grpc", "user-agent: kine-bench",
        ];
        Assert.Equal(expected, Encode(encoder, decoder, EtcdMethods.Range, null, out var firstLength));
        Assert.Equal(expected, Encode(encoder, decoder, EtcdMethods.Range, null, out var secondLength));
        Assert.True(firstLength > 60);
        Assert.Equal(7, secondLength);

        var options = new CallOptions { Metadata = [new("hasleader", "true")], Timeout = TimeSpan.FromSeconds(2) };
        var other = Encode(encoder, decoder, EtcdMethods.Watch, options, out _);
        Assert.Equal(":path: /etcdserverpb.Watch/Watch", other[2]);
        Assert.Equal(["grpc-timeout: 2000000u", "hasleader: true"], other[^2..]);
        Assert.Equal(expected, Encode(encoder, decoder, EtcdMethods.Range, null, out _));
    }

    [Fact]
    public void A_server_without_a_table_gets_literals()
    {
        var encoder = new HpackEncoder("http", "a:1");
        var decoder = new HpackDecoder();
        encoder.SetTableLimit(0);
        Encode(encoder, decoder, EtcdMethods.Put, null, out _);
        Assert.Equal(":path: " + EtcdMethods.Put, Encode(encoder, decoder, EtcdMethods.Put, null, out var length)[2]);
        Assert.Equal(0, decoder.TableSize);
        Assert.True(length > 60);
    }

    [Theory]
    [InlineData(0.0000001, "1u")]
    [InlineData(1.5, "1500000u")]
    [InlineData(1000, "1000000m")]
    [InlineData(1_000_000, "1000000S")]
    public void Timeouts_have_at_most_eight_digits(double seconds, string expected) =>
        Assert.Equal(expected, HpackEncoder.FormatTimeout(TimeSpan.FromSeconds(seconds)));

    private static string[] Encode(HpackEncoder encoder, HpackDecoder decoder, string path, CallOptions? options, out int length)
    {
        var buffer = new WireBuffer();
        encoder.Encode(buffer, path, options);
        length = buffer.Length;
        var sink = new CollectingSink();
        decoder.Decode(buffer.Span, sink);
        return [.. sink.Fields];
    }

    private static string[] Decode(HpackDecoder decoder, string hex)
    {
        var sink = new CollectingSink();
        decoder.Decode(Convert.FromHexString(hex), sink);
        return [.. sink.Fields];
    }

    private sealed class CollectingSink : IHeaderSink
    {
        public List<string> Fields { get; } = [];

        public void OnHeader(HeaderField field) => Fields.Add($"{field.Name}: {field.Value}");
    }
}
