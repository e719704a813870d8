using Google.Protobuf;
using Kine.Etcd;
using Kine.Grains;
using Kine.Grains.Cluster;
using Kine.Grains.Hosting;
using Kine.Grains.Index;
using Kine.Grains.Watch;
using Microsoft.Extensions.DependencyInjection;
using Orleans;
using Orleans.Runtime;
using Orleans.Serialization;
using Orleans.Serialization.Serializers;

namespace Kine.Tests.Runtime;

/// <summary>What has to survive the way between two silos, which one process never shows.</summary>
public sealed class WireTests
{
    [Fact]
    public async Task Events_errors_and_messages_survive_serialization()
    {
        await using var cluster = await ProbeCluster.Start();
        var serializer = cluster.Services.GetRequiredService<Serializer>();

        var version = new KeyVersion(7, 2, 5, 2, 99, 3);
        var batch = new EventBatch(6, 7, 4, [new KeyEvent("k"u8.ToArray(), version, "pair"u8.ToArray(), KeyVersion.Tombstone(6, 0))]);
        var sent = Again(batch);
        Assert.Equal((6, 7, 4), (sent.PreviousRevision, sent.LastRevision, sent.CompactRevision));
        var change = Assert.Single(sent.Events);
        Assert.Equal("k"u8.ToArray(), change.Key.ToArray());
        Assert.Equal("pair"u8.ToArray(), change.KeyValue.ToArray());
        Assert.Equal(version, change.Version);
        Assert.True(change.Previous.IsTombstone);

        var error = Again(new EtcdException(StatusCode.OutOfRange, "etcdserver: mvcc: required revision has been compacted"));
        Assert.Equal(StatusCode.OutOfRange, error.Code);
        Assert.Equal("etcdserver: mvcc: required revision has been compacted", error.Message);
        Assert.False(error.IsNoLeader);
        Assert.True(Again(EtcdErrors.NoLeader).IsNoLeader);

        var put = new PutRequest { Key = ByteString.CopyFromUtf8("a"), Value = ByteString.CopyFrom(new byte[5000]), Lease = 3 };
        Assert.Equal(put, Again(put));

        var txn = new TxnRequest();
        for (var i = 0; i < 127; i++)
            txn = new TxnRequest { Success = { new RequestOp { RequestTxn = txn } } };

        Assert.Equal(txn, Again(txn));

        T Again<T>(T value) => serializer.Deserialize<T>(serializer.SerializeToArray(value))!;
    }

    [Fact]
    public async Task Every_type_of_the_products_grain_interfaces_can_be_sent_and_copied()
    {
        await using var cluster = await ProbeCluster.Start();
        var codecs = cluster.Services.GetRequiredService<ICodecProvider>();
        var types = typeof(IRevisionGrain).Assembly.GetTypes()
            .Where(type => type.IsInterface && typeof(IAddressable).IsAssignableFrom(type))
            .SelectMany(type => type.GetMethods())
            .SelectMany(method => method.GetParameters().Select(parameter => parameter.ParameterType).Append(method.ReturnType))
            .Select(type => type.IsGenericType && type.GetGenericTypeDefinition() == typeof(Task<>) ? type.GetGenericArguments()[0] : type)
            .Where(type => type != typeof(Task) && type != typeof(void))
            .ToHashSet();

        Assert.Contains(typeof(PutRequest), types);
        Assert.All(types, type =>
        {
            Assert.NotNull(codecs.TryGetCodec(type));
            Assert.NotNull(codecs.TryGetDeepCopier(type));
        });
    }

    [Fact]
    public async Task Grains_observers_and_exceptions_work_between_two_silos()
    {
        var log = new ProbeLog();
        await using var first = await ProbeCluster.Start(log: log);
        await using var second = await ProbeCluster.Start(new GrainHostingOptions { PrimarySiloPort = first.SiloPort }, log);
        var listener = new ObserverTests.Listener(log);
        var reference = first.Grains.CreateObjectReference<IProbeObserver>(listener);

        var deadline = DateTime.UtcNow + Wait.Limit;
        var grains = 0;
        for (var here = 0; here == 0 || here == grains; here = await ActivationsIn(first)) // placed at random, once the silos know of each other
        {
            Assert.True(DateTime.UtcNow < deadline, $"{here} of {grains} grains are in the first silo");
            var grain = first.Grains.GetGrain<IReentrantProbeGrain>($"{grains}");
            Assert.Equal(grains, await grain.Echo(grains));
            Assert.Equal("later", (await Assert.ThrowsAsync<InvalidOperationException>(() => grain.FailLate("later"))).Message);
            await grain.Subscribe(reference);
            await grain.Tell($"{grains++}");
        }

        Assert.Equal(Enumerable.Range(0, grains).Select(i => $"{i}"), listener.Heard);
        GC.KeepAlive(listener);
    }

    private static async Task<int> ActivationsIn(ProbeCluster cluster)
    {
        var statistics = await cluster.Grains.GetGrain<IManagementGrain>(0).GetDetailedGrainStatistics();
        return statistics.Count(grain =>
            grain.SiloAddress.Endpoint.Port == cluster.SiloPort && grain.GrainType.Contains(nameof(ReentrantProbeGrain), StringComparison.Ordinal));
    }
}
