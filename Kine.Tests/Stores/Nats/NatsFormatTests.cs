using Kine.Backends;
using NATS.Client.Core;
using NATS.Client.JetStream;
using NATS.Client.JetStream.Models;

namespace Kine.Tests.Stores.Nats;

/// <summary>A stream as the first version wrote it, with libraries of that time: its bytes never lose their meaning.</summary>
[Collection(NatsCollection.Name)]
public sealed class NatsFormatTests(NatsFixture fixture)
{
    private const string Checkpoint =
        "AQQBCmNsdXN0ZXJfaWQJJeAk/ECRUMIBCW1lbWJlcl9pZAnedrMzifJvrAIIajhztKvKEvMJAAAAAAAA"
        + "AlgBEGNvbXBhY3RfcmV2aXNpb24JAAAAAAAAAAcECAYAAQANAAYEAAEAFQAEBAABAAsACgIAAQALAA==";

    // Sequence, tail, content, payload in base64; those between were deleted.
    private static readonly (ulong Sequence, string Tail, string? Content, string Payload)[] Written =
    [
        (4, "A 4 0 1 3 1 0", "AAEBAAYAAgQBAi9h", "Mg=="),
        (7, "A 7 0 1 5 1 0", "AAEBUAoA5svQvJXtubjUAQECL2M=", "NA=="),
        (9, "A 9 0 1 7 1 0", "AAEBEA4AAQIvZA==", "NQ=="),
        (11, "F 11 0 2 7 11 0", "RIzSm+PftkyPQaTPgcB1nLgXFWh0dHA6Ly8xMjcuMC4wLjE6NDUxMQ==", ""),
        (14, "A 14 0 2 8 11 0", "AAEBEBAAAQIvZQ==", "Ng=="),
        (15, "K 15 0 2 8 11 0", null, Checkpoint),
        (16, "Z 16 0 2 8 11 16", "DgE=", ""),
        (17, "A 17 0 2 9 11 16", "AAEBEBIAAQIvZg==", "Nw=="),
        (18, "F 18 0 2 9 18 16", "AAAAAAAAAAAAAAAAAAAAALgXAA==", ""),
    ];

    [Fact]
    public async Task A_stream_of_the_first_version_is_read_and_gone_on_with()
    {
        await using var store = await NatsTestStore.Open(fixture.Server.NewEndpoint(), takeOver: false);
        List<ulong> between = [];
        foreach (var message in Written)
        {
            for (; (ulong)between.Count + (ulong)Array.IndexOf(Written, message) + 1 < message.Sequence;)
                between.Add((await store.JetStream.PublishAsync(store.Options.Subject, Array.Empty<byte>())).Seq);

            var headers = new NatsHeaders { ["Kine-Tail"] = message.Tail, ["Nats-Expected-Last-Sequence"] = $"{message.Sequence - 1}" };
            if (message.Content is not null)
                headers["Kine-Content"] = message.Content;

            var stored = await store.JetStream.PublishAsync(store.Options.Subject, Convert.FromBase64String(message.Payload), headers: headers);
            stored.EnsureSuccess();
        }
        foreach (var sequence in between)
            await store.JetStream.DeleteMessageAsync(store.Options.Stream, new StreamMsgDeleteRequest { Seq = sequence });

        Assert.Equal(new Fence(2, Guid.Empty, "", TimeSpan.FromSeconds(3), 18, 9), await store.Store.ReadFence(default));
        Assert.Equal(
            ["/a=2 3 2 2 0", "/c=4 5 5 1 7653994786529612531", "/d=5 7 7 1 0", "/e=6 8 8 1 0", "/f=7 9 9 1 0"],
            (await store.ReadAll()).Select(record => System.Text.Encoding.ASCII.GetString([.. record.Key.Span, (byte)'=', .. record.Value.Span])
                + $" {record.Revision} {record.CreateRevision} {record.Version} {record.Lease}"));
        Assert.Equal(
            ["cluster_id", "compact_revision", "j8s", "member_id"],
            (await store.Store.ReadSide(default)).Select(row => row.Kind == SideKind.Lease ? "j8s" : System.Text.Encoding.ASCII.GetString(row.Key)).Order());
        await store.TakeOver();
        await store.Append(9, 5, 100);
        await store.Store.Defragment(default);
        await store.Reopen();
        Assert.Equal([3, 5, 7, 8, 9, 10, 11, 12, 13, 14], await store.ScanRevisions());
    }
}
