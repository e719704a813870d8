using System.Globalization;
using Google.Protobuf;
using Kine.Etcd;
using Kine.Grains;
using Kine.Host.Client;
using Kine.Tests.Grpc;
using Kine.Tests.Servers;
using Kine.Tests.Snapshots;
using Kine.Tests.Wire;

namespace Kine.Tests.Migrate;

/// <summary>A server that answers like upstream kine: no snapshot, no versions, no lease objects, lists only below a slash.</summary>
public sealed class UpstreamServerTests : IDisposable
{
    private const int Keys = 700;
    private const long Revision = 5000;
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Its_present_keys_are_copied_page_by_page_with_their_revisions(bool refusesWholeRange)
    {
        await using var upstream = await TestServer.Start();
        upstream.Api.OnSnapshot = () => throw EtcdErrors.Unimplemented("method Snapshot not implemented");
        upstream.Api.OnTimeToLive = () => throw new EtcdException(StatusCode.Unknown, "lease time to live is not supported");
        upstream.Api.OnRange = (request, _) => new(Range(request, refusesWholeRange));
        var store = $"sqlite://{_folder["a"]}";

        await SnapshotTools.Kine("migrate", "--from", string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{upstream.Server.Port}"), "--to", store);

        await using var kine = await KineServer.StartOn(store);
        using var moved = new EtcdChannel(kine.Address);
        var all = await moved.Range(new RangeRequest { Key = ByteString.CopyFrom(0), RangeEnd = ByteString.CopyFrom(0) });
        Assert.Equal(Revision, all.Header.Revision);
        Assert.Equal(Enumerable.Range(0, Keys).Select(Pair), all.Kvs.Select(pair => new KeyValue(pair) { Version = 0 }));
        Assert.All(all.Kvs, pair => Assert.Equal(pair.CreateRevision == pair.ModRevision ? 1 : 2, pair.Version));
        var lease = await moved.Lease.LeaseTimeToLiveAsync(new LeaseTimeToLiveRequest { ID = 3600, Keys = true });
        Assert.Equal((3600, Keys / 10), (lease.GrantedTTL, lease.Keys.Count));
        var past = await Assert.ThrowsAsync<RpcException>(() => moved.Range(new RangeRequest { Key = ByteString.CopyFromUtf8("/a"), Revision = Revision - 1 }));
        Assert.Contains("compacted", past.Message, StringComparison.Ordinal);
    }

    // Later keys were written earlier, so that key order is not the order of revisions.
    private static KeyValue Pair(int i) => new()
    {
        Key = ByteString.CopyFromUtf8($"/registry/{i:0000}"),
        Value = ByteString.CopyFromUtf8(new string('x', i)),
        CreateRevision = 2000 - i,
        ModRevision = i % 3 == 0 ? 2000 - i : 4000 - i,
        Lease = i % 10 == 0 ? 3600 : 0,
    };

    private static Kine.Grains.Reads.RangeReply Range(RangeRequest request, bool refusesWholeRange)
    {
        if (request.RangeEnd != ByteString.CopyFromUtf8("0"))
            return refusesWholeRange ? throw new EtcdException(StatusCode.Unknown, "invalid byte sequence") : FakeEtcdApi.Reply(Revision);

        var rest = Enumerable.Range(0, Keys).Select(Pair).Where(pair => pair.Key.Span.SequenceCompareTo(request.Key.Span) >= 0).ToList();
        if (request.CountOnly)
            return new() { Revision = Revision, Count = rest.Count, First = [], KvsLength = 0 };

        var page = rest.Take((int)request.Limit).Select(pair => (ReadOnlyMemory<byte>)pair.ToByteArray()).ToArray();
        return new() { Revision = Revision, Count = rest.Count, More = rest.Count > page.Length, First = page, KvsLength = page.Sum(FakeEtcdApi.FieldLength) };
    }
}
