using System.Globalization;
using System.Text;
using Google.Protobuf;
using Kine.Etcd;
using Kine.Host.Client;
using Kine.Tests.Wire;

namespace Kine.Tests.Snapshots;

/// <summary>A history with everything that a snapshot has to carry, and what of it a client can see.</summary>
internal static class History
{
    public const long Lease = 0x1234567;
    public const long NegativeLease = -77;

    /// <summary>
    /// Puts, overwrites, deletes and new generations, transactions of several operations, a delete of a whole range, leases with keys and without, values
    /// larger than a page and than sixteen, binary keys; compacted in the middle at a revision that deleted something.
    /// </summary>
    /// <returns>The revision compacted at.</returns>
    public static async Task<long> Write(EtcdChannel channel)
    {
        await Grant(channel, Lease, 5000);
        await Grant(channel, NegativeLease, 6000);
        for (var i = 0; i < 300; i++)
            await channel.Put($"/registry/pods/{i % 120:000}", new string((char)('a' + (i % 26)), 10 + i));

        await channel.Delete("/registry/pods/003");
        await channel.Put("/registry/pods/003", "a new generation");
        await channel.Delete(Range("/registry/pods/05", "/registry/pods/06"));
        await channel.Put("/leased/a", "1", Lease);
        await channel.Put("/leased/b", "2", NegativeLease);
        await channel.Txn(new TxnRequest
        {
            Success =
            {
                Put("/txn/a", "1"),
                Put("/txn/b", new string('b', 5000)),
                new RequestOp { RequestDeleteRange = Range("/registry/pods/06", "/registry/pods/07") },
                Put("/txn/c", "", Lease),
            },
        });
        await channel.Put(new PutRequest { Key = ByteString.CopyFrom(0, 1, 0xFF), Value = ByteString.CopyFrom(Bytes(70_000)) });
        await channel.Put(new PutRequest { Key = ByteString.CopyFromUtf8("/large"), Value = ByteString.CopyFrom(Bytes(1_400_000)) });
        var compacted = (await channel.Delete("/txn/a")).Header.Revision;
        await channel.Compact(compacted);
        for (var i = 0; i < 200; i++)
            await channel.Put($"/registry/services/{i % 50}", $"after the compaction {i}");

        await channel.Put("/leased/a", "detached");
        await channel.Delete("/registry/services/7");
        await channel.Put("/last", "one");
        return compacted;
    }

    /// <summary>
    /// Everything in it as text, so that two servers can be compared: revision, hash, all pairs now and at the compacted revision and in between, leases.
    /// </summary>
    public static async Task<string> Describe(EtcdChannel channel, long compacted)
    {
        var text = new StringBuilder();
        var all = new RangeRequest { Key = ByteString.CopyFrom(0), RangeEnd = ByteString.CopyFrom(0) };
        var now = await channel.Range(all);
        var hash = await channel.HashKV();
        text.AppendLine(CultureInfo.InvariantCulture, $"revision {now.Header.Revision} hash {hash.Hash} compacted {hash.CompactRevision}");
        Write(text, now);
        foreach (var revision in new[] { compacted, compacted + 1, compacted + 100 })
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"at {revision}");
            Write(text, await channel.Range(new RangeRequest(all) { Revision = revision }));
        }
        var below = await Assert.ThrowsAsync<RpcException>(() => channel.Range(new RangeRequest(all) { Revision = compacted - 1 }));
        text.AppendLine(below.Message);
        await DescribeLeases(channel, text);
        return text.ToString();
    }

    /// <summary>All leases with their granted TTLs and keys.</summary>
    public static async Task DescribeLeases(EtcdChannel channel, StringBuilder text)
    {
        var leases = await channel.Lease.LeaseLeasesAsync(new LeaseLeasesRequest());
        foreach (var id in leases.Leases.Select(lease => lease.ID).Order())
        {
            var lease = await channel.Lease.LeaseTimeToLiveAsync(new LeaseTimeToLiveRequest { ID = id, Keys = true });
            text.AppendLine(CultureInfo.InvariantCulture,
                $"lease {id} granted {lease.GrantedTTL} keys {string.Join(' ', lease.Keys.Select(key => key.ToStringUtf8()).Order(StringComparer.Ordinal))}");
        }
    }

    private static void Write(StringBuilder text, RangeResponse range)
    {
        foreach (var pair in range.Kvs)
        {
            text.AppendLine(CultureInfo.InvariantCulture,
                $"{Convert.ToHexString(pair.Key.Span)} create {pair.CreateRevision} mod {pair.ModRevision} version {pair.Version} lease {pair.Lease} value {Sha(pair.Value)}");
        }
    }

    private static string Sha(ByteString value) => Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(value.Span))[..16];

    private static async Task Grant(EtcdChannel channel, long id, long ttl)
        => await channel.Lease.LeaseGrantAsync(new LeaseGrantRequest { ID = id, TTL = ttl });

    private static RequestOp Put(string key, string value, long lease = 0)
        => new() { RequestPut = new PutRequest { Key = ByteString.CopyFromUtf8(key), Value = ByteString.CopyFromUtf8(value), Lease = lease } };

    private static DeleteRangeRequest Range(string from, string to)
        => new() { Key = ByteString.CopyFromUtf8(from), RangeEnd = ByteString.CopyFromUtf8(to) };

    private static byte[] Bytes(int count)
    {
        var bytes = new byte[count];
        new Random(count).NextBytes(bytes);
        return bytes;
    }
}
