using Google.Protobuf;
using Kine.Etcd;
using Kine.Host.Client;
using Kine.Tests.Servers;
using Kine.Tests.Wire;

namespace Kine.Tests.Differential;

/// <summary>HashKV beside etcd's where a random run gets to seldom.</summary>
public sealed class HashTests
{
    private static readonly ByteString Zero = ByteString.CopyFrom(0);

    // A delete of everything from the zero byte on is not seen to overlap with the put, so that etcd takes both.
    [Theory]
    [InlineData("a")]
    [InlineData("new")]
    public async Task A_transaction_that_deletes_everything_and_puts_one_key_leaves_the_same_hash(string put)
    {
        await using var etcd = await EtcdServer.StartNew();
        await using var kine = await KineServer.StartOn("memory://");

        Assert.Equal(await Hash(etcd, put), await Hash(kine, put));
    }

    private static async Task<uint> Hash(EtcdApiServer server, string put)
    {
        using var channel = new EtcdChannel(server.Address);
        await channel.Put("a", "1");
        await channel.Put("b", "1");
        await channel.Put("b", "2");
        await channel.Compact(3);
        await channel.Txn(new TxnRequest
        {
            Success =
            {
                new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = Zero, RangeEnd = Zero } },
                new RequestOp { RequestPut = new PutRequest { Key = ByteString.CopyFromUtf8(put), Value = ByteString.CopyFromUtf8("3") } },
            },
        });
        return (await channel.HashKV()).Hash;
    }
}
