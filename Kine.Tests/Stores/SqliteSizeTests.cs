using Google.Protobuf;
using Kine.Etcd;
using Kine.Host.Client;
using Kine.Tests.Servers;
using Kine.Tests.Wire;
using Xunit;

namespace Kine.Tests.Stores;

/// <summary>What an SQLite store says that it takes, and what a quota makes of it.</summary>
public sealed class SqliteSizeTests
{
    private const int Quota = 16 << 20;
    private const int Page = 8192;

    [Fact]
    public async Task A_quota_counts_what_is_stored_once_and_compaction_and_defragmentation_make_room_again()
    {
        await using var server = await KineServer.StartNew("", "--quota-backend-bytes", $"{Quota}");
        using var channel = new EtcdChannel(server.Address);
        for (var round = 0; round < 3; round++)
        {
            var revision = await PutUntilFull(channel);
            var full = await channel.Maintenance.StatusAsync(new StatusRequest());
            Assert.InRange(full.DbSize, Quota * 9 / 10, Quota * 11 / 10);
            Assert.InRange(full.DbSizeInUse, Quota * 8 / 10, full.DbSize);
            Assert.True(round > 0 || revision > 1_900, $"full at revision {revision}");

            await channel.Compact(revision);
            await channel.Maintenance.DefragmentAsync(new DefragmentRequest());
            var empty = await channel.Maintenance.StatusAsync(new StatusRequest());
            Assert.InRange(empty.DbSizeInUse, 1, 20 * Page);
            Assert.InRange(empty.DbSize, empty.DbSizeInUse, empty.DbSizeInUse + (4 * Page));
            Assert.InRange(new FileInfo(server.DatabasePath).Length, 1, 30 * Page);
            Assert.InRange(new FileInfo(server.DatabasePath + "-wal").Length, 0, 30 * Page);
            await channel.Maintenance.AlarmAsync(
                new AlarmRequest { Action = AlarmRequest.Types.AlarmAction.Deactivate, MemberID = full.Header.MemberId, Alarm = AlarmType.Nospace });
        }

        await channel.Put("more", "of it");
    }

    private static async Task<long> PutUntilFull(EtcdChannel channel)
    {
        var put = new PutRequest { Key = ByteString.CopyFromUtf8("k"), Value = ByteString.CopyFrom(new byte[4096]) };
        for (var i = 0; i < 5_000; i++)
        {
            try
            {
                await channel.Put(put);
            }
            catch (RpcException error)
            {
                Assert.Equal((StatusCode.ResourceExhausted, "etcdserver: mvcc: database space exceeded"), (error.StatusCode, error.Status.Detail));
                return (await channel.Range(new RangeRequest { Key = put.Key })).Header.Revision;
            }
        }

        throw new Xunit.Sdk.XunitException("never full");
    }
}
